#![no_main]
//! Answers of an eviction policy, made of any bytes, to the adapters of the simulator and of the live cache.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::policy::answers(bytes));
