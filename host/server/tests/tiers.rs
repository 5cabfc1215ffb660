//! Values that memory has no room for, in the tiers below it.
//!
//! A process of its own, and one server at a time: a server counts what its process holds, and these have room for a megabyte.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: a panic is a failure"
)]

#[path = "tiers/cases.rs"]
mod cases;
#[path = "resp/running.rs"]
#[expect(dead_code, reason = "other tests need the rest")]
mod running;
