//! The requests themselves. A strategy that calls any of these imports `optimizer:plugin/accesses`.

pub use crate::host::accesses::{AccessBatch, recent, since};

/// One request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// The key. It fits 53 bits.
    pub key: u64,
    /// The size in the unit of the capacity; none where it is not known, because the request is still being loaded.
    pub size: Option<u32>,
    /// Whether the request caused no load of its own.
    pub is_hit: bool,
}

impl AccessBatch {
    /// The requests one by one, oldest first.
    ///
    /// ```
    /// use strategy_sdk::accesses::AccessBatch;
    ///
    /// let batch = AccessBatch { next: 2, lost: 0, keys: vec![7, 8], sizes: vec![4096, 0], hits: vec![1, 0] };
    /// let missed: Vec<u64> = batch.iter().filter(|access| !access.is_hit).map(|access| access.key).collect();
    /// assert_eq!(missed, [8]);
    /// assert_eq!(batch.iter().next().and_then(|access| access.size), Some(4096));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = Access> {
        let rest = self.sizes.iter().zip(&self.hits);
        self.keys.iter().zip(rest).map(|(key, (size, hit))| Access {
            key: *key,
            size: (*size > 0).then_some(*size),
            is_hit: *hit == 1,
        })
    }
}
