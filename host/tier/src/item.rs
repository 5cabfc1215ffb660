//! What tiers hold.

use std::time::Duration;

use bytes::Bytes;

/// A key with its value, as it goes from tier to tier. Cloning it copies no bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The key: any bytes. A tier may refuse a long one; each says from how many bytes on.
    pub key: Bytes,
    /// The value: any bytes.
    pub value: Bytes,
    /// What kind of value it is. Means nothing to a tier, which gives it back as it was.
    pub kind: u8,
    /// The end of its life, as time since the UNIX epoch. Without it, it lives until it is evicted or removed.
    pub until: Option<Duration>,
}

impl Item {
    /// An item of kind 0 without end.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self { key: key.into(), value: value.into(), kind: 0, until: None }
    }

    /// The same with an end of life, as time since the UNIX epoch.
    #[must_use]
    pub const fn until(mut self, until: Duration) -> Self {
        self.until = Some(until);
        self
    }

    /// Bytes of key and value.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        size(self.key.len()) + size(self.value.len())
    }

    /// Whether its life has ended at `now`, a time since the UNIX epoch.
    #[must_use]
    pub fn is_over(&self, now: Duration) -> bool {
        self.until.is_some_and(|until| until <= now)
    }
}

/// A length in memory as a number of bytes.
pub(crate) fn size(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
