//! HTTP, over a socket, as any client sees it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: a panic is a failure")]

#[path = "http/events.rs"]
mod events;
#[path = "http/figures.rs"]
mod figures;
#[path = "http/listening.rs"]
mod listening;
#[path = "http/metrics.rs"]
mod metrics;
#[path = "http/running.rs"]
mod running;
#[path = "http/values.rs"]
mod values;
