#![no_main]
//! Reads any bytes as whatever format they look like, compressed or not.

use fuzz::trace::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| read(None, bytes));
