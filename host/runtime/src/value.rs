//! What the cache holds: bytes, fields or a list, and what they count for.

pub(crate) mod encode;
mod facts;
mod fields;
mod in_place;
mod list;

pub use facts::Form;
pub use fields::{Fields, FlatLimits};
pub use in_place::{InPlace, Parts};
pub use list::{List, Side};

use std::sync::Arc;

use bytes::Bytes;
use host_contract::Unit;

use crate::key::Key;
use facts::Facts;

/// A cached value. A clone shares the content.
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
    facts: Facts,
}

/// What a value is made of.
#[derive(Debug, Clone)]
pub enum Content {
    /// Bytes.
    Bytes(Bytes),
    /// Fields with values of their own, shared by all clones.
    Fields(Arc<InPlace<Fields>>),
    /// A list, shared by all clones.
    List(Arc<InPlace<List>>),
}

impl Value {
    /// A value that counts for as many bytes as it has, at least 1.
    #[must_use]
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let weight = weight_of(&bytes);
        Self { content: Content::Bytes(bytes), facts: Facts::of(weight) }
    }

    /// The same bytes, of which it is told how they came to be.
    #[must_use]
    pub fn made(bytes: impl Into<Bytes>, form: Form) -> Self {
        let value = Self::new(bytes);
        Self { facts: value.facts.with_form(form), ..value }
    }

    /// A value that is changed in place. It counts for what it holds now: who changes it makes a new value of it.
    #[must_use]
    pub fn in_place<T: Parts>(parts: Arc<InPlace<T>>) -> Self {
        let weight = parts.with(|parts| parts.weight());
        Self { content: T::content(parts), facts: Facts::of(weight) }
    }

    /// A value that counts for `weight`, from 1 to 2^62 - 1, whatever it takes: where it stands for something else, or takes
    /// more than its bytes.
    #[must_use]
    pub fn weighing(bytes: impl Into<Bytes>, weight: u64) -> Self {
        Self { content: Content::Bytes(bytes.into()), facts: Facts::of(weight) }
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

    /// The bytes; none of a value that has parts.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        static NONE: Bytes = Bytes::new();
        match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Fields(_) | Content::List(_) => &NONE,
        }
    }

    /// How its bytes came to be.
    #[must_use]
    pub fn form(&self) -> Form {
        self.facts.form()
    }

    /// What it counts for in a cache whose capacity is in bytes: from 1 to 2^62 - 1. Its key counts [beside it](crate::Key::weight).
    #[must_use]
    #[inline]
    pub fn weight(&self) -> u64 {
        self.facts.weight()
    }

    /// What an entry of this value under `key` counts for against a capacity in `unit`. In bytes the key counts as well:
    /// small values under long keys would else take many times the memory that the capacity allows. In objects every
    /// entry counts as one.
    pub(crate) fn weight_under(&self, key: &Key, weighing: Weighing) -> u64 {
        weighing.of(key.weight(), self.weight())
    }
}

/// What bytes count for that stand for nothing else: their number, at least 1.
#[inline]
pub(crate) fn weight_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX).max(1)
}

/// How entries are weighed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weighing {
    /// Unit of the capacity.
    pub(crate) unit: Unit,
    /// Bytes that an entry takes beside its allocations; nothing where the capacity speaks of keys and values alone.
    pub(crate) entry: u64,
}

impl Weighing {
    /// What an entry counts for whose key and value weigh so much.
    pub(crate) fn of(self, key: u64, value: u64) -> u64 {
        match self.unit {
            Unit::Bytes if self.entry == 0 => value.saturating_add(key),
            Unit::Bytes => crate::entry::taken(key, value).saturating_add(self.entry),
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
        assert_eq!(most.weight(), (1 << 62) - 1);
        assert_eq!(unit(Unit::Bytes).of(u64::MAX, 7), u64::MAX);
        let with_place = Weighing { unit: Unit::Bytes, entry: 48 };
        assert_eq!(value.weight_under(&Key::from("user:1"), with_place), 32 + 48);
    }
}
