#![no_main]
//! Reads any bytes as `lirs`.

use fuzz::trace::{Format, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| read(Some(Format::Lirs), bytes));
