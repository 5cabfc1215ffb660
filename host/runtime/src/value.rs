//! What the cache holds: bytes, or fields, and what they count for.

mod fields;

pub use fields::{FieldMap, Fields};

use std::sync::Arc;

use bytes::Bytes;
use host_contract::Unit;

use crate::key::Key;

/// A cached value. A clone shares the bytes.
///
/// ```
/// use host_runtime::Value;
///
/// assert_eq!(Value::from("hello").weight(), 5);
/// // An object of which only the size matters: a run in virtual time, an origin that is modelled.
/// assert_eq!(Value::standing_for(4_096).weight(), 4_096);
/// ```
#[derive(Debug, Clone)]
pub struct Value {
    content: Content,
    weight: u64,
}

/// What a value is made of.
#[derive(Debug, Clone)]
pub enum Content {
    /// Bytes.
    Bytes(Bytes),
    /// Fields with values of their own, shared by all clones.
    Fields(Arc<Fields>),
}

impl Value {
    /// A value that counts for as many bytes as it has, at least 1.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let weight = u64::try_from(bytes.len()).unwrap_or(u64::MAX).max(1);
        Self { content: Content::Bytes(bytes), weight }
    }

    /// Fields, of which the caller knows what they count for, at least 1.
    #[must_use]
    pub fn fields(fields: Arc<Fields>, weight: u64) -> Self {
        Self { content: Content::Fields(fields), weight: weight.max(1) }
    }

    /// A value that counts for `weight`, at least 1, whatever it takes: where it stands for something else, or takes more
    /// than its bytes.
    #[must_use]
    pub fn weighing(bytes: impl Into<Bytes>, weight: u64) -> Self {
        Self { content: Content::Bytes(bytes.into()), weight: weight.max(1) }
    }

    /// No bytes, but the weight of an object of `weight`.
    #[must_use]
    pub fn standing_for(weight: u64) -> Self {
        Self::weighing(Bytes::new(), weight)
    }

    /// What it is made of.
    #[must_use]
    #[inline]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The bytes; none of a value that has fields.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Fields(_) => &NONE,
        }
    }

    /// What it counts for in a cache whose capacity is in bytes, at least 1. Its key counts [beside
    /// it](crate::Key::weight).
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// What an entry of this value under `key` counts for against a capacity in `unit`. In bytes the key counts as well:
    /// small values under long keys would else take many times the memory that the capacity allows. In objects every
    /// entry counts as one.
    pub(crate) fn weight_under(&self, key: &Key, weighing: Weighing) -> u64 {
        weighing.of(key.weight(), self.weight)
    }
}

/// How entries are weighed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighing {
    /// Unit of the capacity.
    pub(crate) unit: Unit,
    /// Bytes that an entry takes beside its key and value; nothing where the capacity speaks of these alone.
    pub(crate) entry: u64,
}

impl Weighing {
    /// What an entry counts for whose key and value weigh so much.
    pub(crate) fn of(self, key: u64, value: u64) -> u64 {
        match self.unit {
            Unit::Bytes => value.saturating_add(key).saturating_add(self.entry),
            Unit::Objects => 1,
        }
    }
}

impl<T: Into<Bytes>> From<T> for Value {
    fn from(bytes: T) -> Self {
        Self::new(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn in_bytes_a_key_of_bytes_counts_beside_its_value_and_a_number_does_not() {
        let value = Value::from("Ada");
        let unit = |unit| Weighing { unit, entry: 0 };
        for (key, bytes) in [(Key::from("user:1"), 9), (Key::from(""), 3), (Key::from(u64::MAX), 3)] {
            assert_eq!(value.weight_under(&key, unit(Unit::Bytes)), bytes, "{key}");
            assert_eq!(value.weight_under(&key, unit(Unit::Objects)), 1, "{key}");
        }
        let most = Value::standing_for(u64::MAX);
        assert_eq!(most.weight_under(&Key::from("user:1"), unit(Unit::Bytes)), u64::MAX);
        let with_place = Weighing { unit: Unit::Bytes, entry: 64 };
        assert_eq!(value.weight_under(&Key::from("user:1"), with_place), 73);
    }
}
