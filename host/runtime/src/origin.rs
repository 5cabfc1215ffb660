//! Where an entry comes from when the cache does not have it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::entry::Entry;

/// A load under way.
pub(crate) type Load<'a> = Pin<Box<dyn Future<Output = Result<Entry, OriginError>> + Send + 'a>>;

/// The source of entries. Loads of different keys run side by side; the cache sees to it that one key
/// is loaded once at a time.
pub(crate) trait Origin: Send + Sync + 'static {
    /// Loads one entry.
    fn load(&self, key: u64) -> Load<'_>;

    /// Whether there is anything under this key: a rule may ask for keys beyond the end of a run.
    fn has(&self, key: u64) -> bool;
}

/// Why an entry could not be loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum OriginError {
    /// Nothing is stored under the key.
    #[error("nothing is stored under key {0:x}")]
    NoSuchKey(u64),
    /// A file could not be read.
    #[error("{path}: {cause}")]
    Unreadable {
        /// The file.
        path: String,
        /// What the system said.
        cause: Arc<std::io::Error>,
    },
    /// A file is too large to be indexed in memory.
    #[error("{path}: {size} bytes are more than the {limit} that are indexed")]
    TooLarge {
        /// The file.
        path: String,
        /// Its size, bytes.
        size: u64,
        /// The most that is indexed, bytes.
        limit: u64,
    },
    /// Indexing failed.
    #[error("{path}: indexing failed: {cause}")]
    Index {
        /// The file.
        path: String,
        /// What the executor said.
        cause: String,
    },
}

/// The sizes of the objects that an [`Delayed`] origin holds.
pub(crate) trait Sizes: Send + Sync + 'static {
    /// Size of an object in bytes; none where there is no such object.
    fn size(&self, key: u64) -> Option<u32>;
}

/// Stands for a remote store: answers with an object of the right size after a fixed time.
///
/// Tokio's clock has a resolution of a millisecond, so that a shorter latency becomes about one.
#[derive(Debug)]
pub(crate) struct Delayed<S> {
    latency: Duration,
    sizes: S,
}

impl<S: Sizes> Delayed<S> {
    /// Answers after `latency`; at once where it is zero.
    #[must_use]
    pub(crate) fn new(latency: Duration, sizes: S) -> Self {
        Self { latency, sizes }
    }
}

impl<S: Sizes> Origin for Delayed<S> {
    fn load(&self, key: u64) -> Load<'_> {
        Box::pin(async move {
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            let size = self.sizes.size(key).ok_or(OriginError::NoSuchKey(key))?;
            Ok(Entry::Page(page(key, size)))
        })
    }

    fn has(&self, key: u64) -> bool {
        self.sizes.size(key).is_some()
    }
}

/// An object: its key, then zeros. At least eight bytes, so that a wrong value can be told.
fn page(key: u64, size: u32) -> Arc<[u8]> {
    let size = usize::try_from(size).unwrap_or(usize::MAX).max(size_of::<u64>());
    let mut bytes = vec![0; size];
    if let Some(head) = bytes.first_chunk_mut() {
        *head = key.to_le_bytes();
    }
    bytes.into()
}
