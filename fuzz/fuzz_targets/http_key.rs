#![no_main]
//! Takes the key out of any path, and demands that every key comes back out of the path that is made of it.

use fuzz::key::{decode, encode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = encode(bytes);
    assert!(path.is_ascii() && path.starts_with("/cache/"));
    assert_eq!(decode(&path).as_deref(), Ok(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        for path in [text.to_owned(), format!("/cache/{text}")] {
            if let Ok(key) = decode(&path) {
                assert!(key.len() <= path.len());
                assert_eq!(decode(&encode(&key)), Ok(key));
            }
        }
    }
});
