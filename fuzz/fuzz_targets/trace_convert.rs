#![no_main]
//! Reads any bytes as a trace, writes what was read in each format, and reads that again.

use fuzz::trace::convert;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| convert(bytes));
