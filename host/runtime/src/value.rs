//! What the cache holds: bytes, and what they count for.

use bytes::Bytes;

/// A cached value. A clone shares the bytes.
///
/// ```
/// use host_runtime::Value;
///
/// assert_eq!(Value::from("hello").weight(), 5);
/// // An object of which only the size matters: a run in virtual time, an origin that is modelled.
/// assert_eq!(Value::standing_for(4_096).weight(), 4_096);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    bytes: Bytes,
    weight: u64,
}

impl Value {
    /// A value that counts for as many bytes as it has, at least 1.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let weight = u64::try_from(bytes.len()).unwrap_or(u64::MAX).max(1);
        Self { bytes, weight }
    }

    /// A value that counts for `weight`, at least 1, whatever it takes: where it stands for something else, or takes more
    /// than its bytes.
    #[must_use]
    pub fn weighing(bytes: impl Into<Bytes>, weight: u64) -> Self {
        Self { bytes: bytes.into(), weight: weight.max(1) }
    }

    /// No bytes, but the weight of an object of `weight`.
    #[must_use]
    pub fn standing_for(weight: u64) -> Self {
        Self::weighing(Bytes::new(), weight)
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// What it counts for, in the unit of the cache's capacity, at least 1.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// The weight for the access log: 4 GiB and more count as the largest.
    pub(crate) fn size(&self) -> u32 {
        u32::try_from(self.weight).unwrap_or(u32::MAX)
    }
}

impl<T: Into<Bytes>> From<T> for Value {
    fn from(bytes: T) -> Self {
        Self::new(bytes)
    }
}
