#![no_main]
//! Loads a profile whose user file, variables and flags are any text.

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| fuzz::profile::load(text));
