//! Both protocols over TLS, with certificates made for the test and a client of rustls.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test: a panic is a failure")]

#[path = "tls/certificates.rs"]
mod certificates;
#[path = "tls/connections.rs"]
mod connections;
#[path = "tls/files.rs"]
mod files;
#[path = "tls/http.rs"]
mod http;
#[path = "tls/running.rs"]
mod running;
