//! Where a value comes from when the cache does not have it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::key::Key;
use crate::value::Value;

/// A load under way.
pub type Load<'a> = Pin<Box<dyn Future<Output = Result<Value, OriginError>> + Send + 'a>>;

/// The source of values. Loads of different keys run side by side; the cache loads one key once at a time.
pub trait Origin: Send + Sync + 'static {
    /// Loads one value.
    fn load(&self, key: &Key) -> Load<'_>;

    /// Whether there is anything under this number: a prefetch rule may name keys beyond the end of a run. Called on the
    /// way of every request that a rule applies to: it must be quick.
    fn has(&self, key: u64) -> bool;
}

/// Why a value could not be loaded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OriginError {
    /// Nothing is stored under the key.
    #[error("nothing is stored under key {0}")]
    NoSuchKey(Key),
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
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

/// An origin without anything: for a host whose values are all put in by its user.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Nothing;

impl Origin for Nothing {
    fn load(&self, key: &Key) -> Load<'_> {
        let key = key.clone();
        Box::pin(async move { Err(OriginError::NoSuchKey(key)) })
    }

    fn has(&self, _: u64) -> bool {
        false
    }
}

/// The sizes of the objects that a [`Delayed`] origin holds.
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
    fn load(&self, key: &Key) -> Load<'_> {
        let key = key.clone();
        Box::pin(async move {
            if !self.latency.is_zero() {
                tokio::time::sleep(self.latency).await;
            }
            let number = key.number();
            let size = self.sizes.size(number).ok_or(OriginError::NoSuchKey(key))?;
            Ok(if size > self.largest { Value::standing_for(u64::from(size)) } else { object(number, size) })
        })
    }

    fn has(&self, key: u64) -> bool {
        self.sizes.size(key).is_some()
    }
}

/// An object: its key, then zeros; so that a wrong value can be told.
fn object(key: u64, size: u32) -> Value {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    for (to, from) in bytes.iter_mut().zip(key.to_le_bytes()) {
        *to = from;
    }
    Value::new(bytes)
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
                let value =
                    Delayed::new(Duration::ZERO, 1000, Same(size)).load(&Key::Number(7)).await.unwrap();
                assert_eq!(value.weight(), u64::from(size));
                assert_eq!(!value.bytes().is_empty(), made, "{size}");
            }
        });
    }

    #[test]
    fn an_object_begins_with_its_key() {
        assert_eq!(*object(7, 3).bytes(), 7_u64.to_le_bytes()[..3]);
        assert_eq!(object(7, 100).bytes().len(), 100);
    }
}
