#![no_main]
//! Checks the shape of any bytes, as the host does with a component before it compiles it.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| drop(fuzz::shape::check(bytes)));
