//! Redis's protocol in front of a running host.
//!
//! An application keeps its Redis client, and its cache chooses policy, size and prefetch by itself. [`Server`] listens;
//! [`resp`] has the protocol and the commands.

pub mod config;
pub mod error;
pub mod resp;

mod events;
mod listener;
mod server;

pub use config::{Config, Password};
pub use error::ServeError;
pub use server::{Server, Shared};
