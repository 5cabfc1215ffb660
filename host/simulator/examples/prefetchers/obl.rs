//! One-block lookahead (Smith, "Cache memories", 1982): after a block, the next one.
//!
//! "Always" prefetches at every request; "tagged" at a miss, and at the first request of what was prefetched.

use crate::charged::{Found, Predictor};

pub(crate) struct Obl {
    always: bool,
}

impl Obl {
    pub(crate) fn new(always: bool) -> Self {
        Self { always }
    }
}

impl Predictor for Obl {
    fn access(&mut self, key: u64, found: Found, wanted: &mut Vec<u64>) {
        if self.always || found != Found::Cached {
            wanted.extend(key.checked_add(1));
        }
    }
}
