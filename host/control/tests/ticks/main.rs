//! Ticks of the loop with scripted strategies.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: what is not there fails it")]

mod failing;
mod plane;
mod shadow_mode;
mod turning;
