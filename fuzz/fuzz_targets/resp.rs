#![no_main]
//! Reads any bytes as the requests of a client, whole and in pieces.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::requests::read(bytes));
