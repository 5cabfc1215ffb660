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
    #[error("{path}: more than the {limit} bytes that are indexed")]
    TooLarge {
        /// The file.
        path: String,
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
/// A size is what a trace claims, and a damaged trace may claim 4 GB a record. So an object above a limit is answered by
/// its size alone: it weighs what it should in the cache, and takes no memory.
///
/// Tokio's clock has a resolution of a millisecond, so that a shorter latency becomes about one.
#[derive(Debug)]
pub(crate) struct Delayed<S> {
    latency: Duration,
    largest: u32,
    sizes: S,
}

impl<S: Sizes> Delayed<S> {
    /// Answers after `latency`, at once where it is zero, and with no more than `largest` bytes.
    #[must_use]
    pub(crate) fn new(latency: Duration, largest: u32, sizes: S) -> Self {
        Self { latency, largest, sizes }
    }
}

impl<S: Sizes> Origin for Delayed<S> {
    fn load(&self, key: u64) -> Load<'_> {
        Box::pin(async move {
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            let size = self.sizes.size(key).ok_or(OriginError::NoSuchKey(key))?;
            Ok(if size > self.largest { Entry::Sized(size) } else { Entry::Page(page(key, size)) })
        })
    }

    fn has(&self, key: u64) -> bool {
        self.sizes.size(key).is_some()
    }
}

/// An object: its key, then zeros. At least eight bytes, so that a wrong value can be told.
fn page(key: u64, size: u32) -> Arc<[u8]> {
    let size = usize::try_from(size).unwrap_or(usize::MAX).max(size_of::<u64>());
    let mut bytes: Arc<[u8]> = std::iter::repeat_n(0, size).collect();
    if let Some(head) = Arc::get_mut(&mut bytes).and_then(<[u8]>::first_chunk_mut) {
        *head = key.to_le_bytes();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
    }

    struct Same(u32);

    impl Sizes for Same {
        fn size(&self, _: u64) -> Option<u32> {
            Some(self.0)
        }
    }

    #[test]
    fn a_size_above_the_limit_weighs_and_takes_no_memory() {
        block_on(async {
            for (size, made) in [(1000, true), (1001, false), (u32::MAX, false)] {
                let entry = Delayed::new(Duration::ZERO, 1000, Same(size)).load(7).await.unwrap();
                assert_eq!(entry.weight(), u64::from(size));
                assert_eq!(matches!(entry, Entry::Page(_)), made, "{size}");
            }
        });
    }

    #[test]
    fn a_page_begins_with_its_key() {
        assert_eq!(*page(7, 3), 7_u64.to_le_bytes());
        assert_eq!(page(7, 100).len(), 100);
    }
}
