//! Redis's protocol over a socket, as any client sees it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test: a panic is a failure"
)]

#[path = "resp/library.rs"]
mod library;
#[path = "resp/limits.rs"]
mod limits;
#[path = "resp/messages.rs"]
mod messages;
#[path = "resp/requests.rs"]
mod requests;
#[path = "resp/running.rs"]
mod running;
#[path = "resp/transactions.rs"]
mod transactions;
#[path = "resp/values.rs"]
mod values;
