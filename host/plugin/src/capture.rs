//! What a guest writes to its standard output and error, kept in a small buffer.
//!
//! A guest in Rust writes its panic message to standard error just before it traps, so the end of
//! what was written matters more than its beginning: the oldest bytes are dropped first. Nothing of
//! it reaches the host's own terminal.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::charge::HostWork;

/// Bytes kept of each stream between two calls.
const CAPACITY: usize = 8 << 10;

/// Bytes accepted in one write.
const PERMIT: usize = 64 << 10;

/// The end of what was written to one stream. Streams that the guest holds share it; it is locked
/// only to append and to take. The guest pays for what it writes.
#[derive(Debug, Clone)]
pub(crate) struct Capture {
    kept: Arc<Mutex<VecDeque<u8>>>,
    work: Arc<HostWork>,
}

impl Capture {
    pub(crate) fn new(work: Arc<HostWork>) -> Self {
        Self { kept: Arc::default(), work }
    }

    /// What was written since the last call.
    pub(crate) fn take(&self) -> String {
        let bytes: Vec<u8> = std::mem::take(&mut *self.kept.lock()).into();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn append(&self, bytes: &[u8]) {
        let mut kept = self.kept.lock();
        kept.extend(bytes);
        let excess = kept.len().saturating_sub(CAPACITY);
        kept.drain(..excess);
    }
}

#[async_trait]
impl Pollable for Capture {
    async fn ready(&mut self) {}
}

#[async_trait]
impl OutputStream for Capture {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.work.bytes(bytes.len()).map_err(StreamError::Trap)?;
        self.append(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(PERMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let capture = Capture::new(Arc::new(HostWork::new(Arc::default())));
        capture.append(&vec![b'a'; CAPACITY]);
        capture.append(b"the end");
        let text = capture.take();
        assert_eq!(text.len(), CAPACITY);
        assert!(text.ends_with("aaathe end"));
        assert_eq!(capture.take(), "");
    }
}
