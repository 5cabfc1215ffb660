//! What is counted of HTTP.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use axum::http::{Method, StatusCode};

/// The methods that are counted each by itself. All others are one.
const METHODS: [&str; 5] = ["GET", "HEAD", "PUT", "DELETE", "other"];

/// The status codes that are answered. All others are one, written as 0.
const CODES: [u16; 15] = [200, 202, 204, 400, 401, 403, 404, 405, 408, 409, 413, 500, 503, 431, 0];

/// The counters.
#[derive(Debug, Default)]
pub(crate) struct Statistics {
    answered: [[AtomicU64; CODES.len()]; METHODS.len()],
    pub(crate) connections: AtomicU64,
    /// Connections that were turned away, because there were too many.
    pub(crate) turned_away: AtomicU64,
    connected: AtomicUsize,
}

impl Statistics {
    /// A request was answered.
    pub(crate) fn answered(&self, method: &Method, status: StatusCode) {
        let method = METHODS.iter().position(|of| *of == method.as_str()).unwrap_or(METHODS.len() - 1);
        let code = CODES.iter().position(|of| *of == status.as_u16()).unwrap_or(CODES.len() - 1);
        if let Some(count) = self.answered.get(method).and_then(|codes| codes.get(code)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Requests by method and status code, of those that there were.
    pub(crate) fn requests(&self) -> impl Iterator<Item = (&'static str, u16, u64)> {
        self.answered.iter().zip(METHODS).flat_map(|(codes, method)| {
            let counts = codes.iter().zip(CODES).map(|(count, code)| (code, count.load(Ordering::Relaxed)));
            counts.filter(|(_, count)| *count > 0).map(move |(code, count)| (method, code, count))
        })
    }

    /// Connections at present.
    pub(crate) fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }

    /// One connection more, for as long as what is returned lives.
    pub(crate) fn connect(&self) -> Connected<'_> {
        self.connections.fetch_add(1, Ordering::Relaxed);
        self.connected.fetch_add(1, Ordering::SeqCst);
        Connected(self)
    }
}

/// A connection.
pub(crate) struct Connected<'a>(&'a Statistics);

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Ordering::SeqCst);
    }
}
