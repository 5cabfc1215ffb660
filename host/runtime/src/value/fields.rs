//! A value that has fields, each with a value of its own: what Redis calls a hash.

use std::collections::HashMap;

use ahash::RandomState;
use parking_lot::Mutex;

/// What a field takes beside its bytes: two allocations and its place in the table.
const FIELD: u64 = 64;

/// The fields of a value and their values, in no particular order.
pub type FieldMap = HashMap<Box<[u8]>, Box<[u8]>, RandomState>;

/// Fields that are changed in place, so that a change of one does not copy the others.
///
/// Its lock is taken by who reads, and inside of the lock of the entry by who changes: nothing else is to be locked under it.
#[derive(Debug)]
pub struct Fields(Mutex<FieldMap>);

impl Default for Fields {
    fn default() -> Self {
        Self::new(FieldMap::with_hasher(RandomState::new()))
    }
}

impl Fields {
    /// These fields.
    #[must_use]
    pub fn new(fields: FieldMap) -> Self {
        Self(Mutex::new(fields))
    }

    /// Reads or changes the fields. Whoever changes them stores the value again, so that its new weight counts.
    pub fn with<R>(&self, work: impl FnOnce(&mut FieldMap) -> R) -> R {
        work(&mut self.0.lock())
    }

    /// What the fields count for, at least 1.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let bytes = |part: &[u8]| u64::try_from(part.len()).unwrap_or(u64::MAX);
        let field =
            |name: &[u8], value: &[u8]| bytes(name).saturating_add(bytes(value)).saturating_add(FIELD);
        let sum = |fields: &mut FieldMap| {
            fields.iter().fold(0_u64, |sum, (name, value)| sum.saturating_add(field(name, value)))
        };
        self.with(sum).max(1)
    }

    /// What one more field counts for, in place of one of so many bytes, if there was one: what is to be added to the
    /// weight, and what is to be taken off it.
    #[must_use]
    pub fn weight_of(name: &[u8], value: &[u8]) -> u64 {
        let bytes = |part: &[u8]| u64::try_from(part.len()).unwrap_or(u64::MAX);
        bytes(name).saturating_add(bytes(value)).saturating_add(FIELD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weight_is_the_sum_of_the_fields() {
        let fields = Fields::default();
        assert_eq!(fields.weight(), 1);
        fields.with(|map| {
            map.insert(b"name"[..].into(), b"Ada"[..].into());
            map.insert(b"born"[..].into(), b"1815"[..].into());
        });
        assert_eq!(fields.weight(), Fields::weight_of(b"name", b"Ada") + Fields::weight_of(b"born", b"1815"));
    }
}
