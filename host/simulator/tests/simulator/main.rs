//! The simulator from outside: against a naive cache, a reference simulator, and the live cache and its shadows.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "tests: a panic is their failure, their numbers are their own"
)]

mod live;
mod reference;
mod replay;
mod shadows;
mod simulation;
mod traces;
