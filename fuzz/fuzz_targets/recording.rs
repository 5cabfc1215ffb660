#![no_main]
//! Reads any bytes as a recording.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::recording::read(bytes));
