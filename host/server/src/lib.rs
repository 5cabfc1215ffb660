//! Redis's protocol and HTTP in front of a running host.
//!
//! An application keeps its Redis client, and its cache chooses policy, size and prefetch by itself. [`Server`] listens;
//! [`resp`] has the protocol and the commands, [`http`] what operators see: figures, decisions, events.

pub mod config;
pub mod error;
pub mod http;
pub mod resp;

mod events;
mod listener;
mod server;
mod tls;
mod what_if;

pub use config::{Config, Password};
pub use error::ServeError;
pub use server::{Listening, Server, Shared};
pub use tls::{TlsError, TlsFiles, Trust};
pub use what_if::Case;
