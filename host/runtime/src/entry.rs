//! What the cache holds.

use std::sync::Arc;

use host_workload::directory::Indexed;

/// Bytes that an entry costs beside its content: key, table slot and order.
///
/// Rounded up from what the cache crate keeps for an entry, so that the sum of the weights is not
/// below what the entries take.
pub(crate) const OVERHEAD_BYTES: u64 = 64;

/// What the index of a file weighs, bytes: it has no part that grows with the file.
#[expect(clippy::as_conversions, reason = "the size of a type, in a constant")]
pub(crate) const OF_A_FILE: u64 = OVERHEAD_BYTES + size_of::<Indexed>() as u64;

/// A cached value. Cloning one copies a pointer at most.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// An object of which only the size matters: virtual time, and what is too large to be made up.
    Sized(u32),
    /// An object of a trace or of the built-in workload. Its first eight bytes are its key.
    Page(Arc<[u8]>),
    /// What indexing a file gave.
    File(Arc<Indexed>),
}

impl Entry {
    /// Bytes that the entry counts for.
    #[must_use]
    pub(crate) fn weight(&self) -> u64 {
        match self {
            Self::Sized(size) => u64::from(*size),
            Self::Page(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::File(_) => OF_A_FILE,
        }
    }
}
