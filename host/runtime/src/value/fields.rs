//! A value that has fields, each with a value of its own: what Redis calls a hash.
//!
//! A few short fields lie one behind the other in one piece of memory and are searched from the first to the last, which
//! takes a third of the memory of a table and no more time. More of them, or longer ones, are a table from then on.

mod flat;

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;

use super::{Content, InPlace, Parts};
use flat::Flat;

/// What fields take beside their form: the shared value with its counters and lock, and the head of either form.
const BASE: u64 = 64;

/// What a field in a table takes beside its bytes: two allocations and its place.
const FIELD: u64 = 64;

/// How many fields may lie flat, and how long each name and value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatLimits {
    /// Fields.
    pub fields: usize,
    /// Bytes of a name or a value.
    pub bytes: usize,
}

impl FlatLimits {
    /// Those of Redis 7.
    pub const REDIS: Self = Self { fields: 512, bytes: 64 };
}

#[derive(Debug, Clone)]
struct Table {
    fields: HashMap<Box<[u8]>, Box<[u8]>, RandomState>,
    /// Bytes of all names and values.
    bytes: u64,
}

#[derive(Debug, Clone)]
enum Shape {
    Flat(Flat),
    Table(Box<Table>),
}

/// Fields by name, and their values.
#[derive(Debug, Clone)]
pub struct Fields(Shape);

impl Default for Fields {
    fn default() -> Self {
        Self(Shape::Flat(Flat::default()))
    }
}

impl Parts for Fields {
    fn weight(&self) -> u64 {
        let parts = match &self.0 {
            Shape::Flat(flat) => number(flat.capacity()),
            Shape::Table(table) => {
                table.bytes.saturating_add(number(table.fields.len()).saturating_mul(FIELD))
            }
        };
        parts.saturating_add(BASE)
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(content: &Content) -> Option<&Arc<InPlace<Self>>> {
        match content {
            Content::Fields(fields) => Some(fields),
            _ => None,
        }
    }

    fn content(parts: Arc<InPlace<Self>>) -> Content {
        Content::Fields(parts)
    }
}

impl Fields {
    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.0 {
            Shape::Flat(flat) => flat.len(),
            Shape::Table(table) => table.fields.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether they lie flat.
    #[must_use]
    pub fn is_flat(&self) -> bool {
        matches!(self.0, Shape::Flat(_))
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        match &self.0 {
            Shape::Flat(flat) => flat.get(name),
            Shape::Table(table) => table.fields.get(name).map(|value| &**value),
        }
    }

    /// All fields and their values: in the order in which they were set while they lie flat, in none in a table.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (flat, table) = match &self.0 {
            Shape::Flat(flat) => (Some(flat.iter()), None),
            Shape::Table(table) => (None, Some(table.fields.iter())),
        };
        let table = table.into_iter().flatten().map(|(name, value)| (&**name, &**value));
        flat.into_iter().flatten().chain(table)
    }

    /// Sets a field, and says whether there was none. What is beyond the limits is a table from here on.
    pub fn set(&mut self, name: &[u8], value: &[u8], limits: FlatLimits) -> bool {
        if name.len() > limits.bytes || value.len() > limits.bytes {
            self.tabulate();
        }
        let new = match &mut self.0 {
            Shape::Flat(flat) => flat.set(name, value),
            Shape::Table(table) => table.set(name, value),
        };
        if self.is_flat() && self.len() > limits.fields {
            self.tabulate();
        }
        new
    }

    /// Removes a field, and says whether there was one.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        match &mut self.0 {
            Shape::Flat(flat) => flat.remove(name),
            Shape::Table(table) => table.remove(name),
        }
    }

    /// Makes a table of them, if they are none yet.
    fn tabulate(&mut self) {
        if let Shape::Flat(flat) = &self.0 {
            let fields = HashMap::with_capacity_and_hasher(flat.len(), RandomState::new());
            let mut table = Table { fields, bytes: 0 };
            for (name, value) in flat.iter() {
                table.set(name, value);
            }
            self.0 = Shape::Table(Box::new(table));
        }
    }
}

impl Table {
    fn set(&mut self, name: &[u8], value: &[u8]) -> bool {
        let old = self.fields.insert(name.into(), value.into());
        match &old {
            Some(old) => self.bytes = self.bytes.saturating_sub(number(old.len())),
            None => self.bytes = self.bytes.saturating_add(number(name.len())),
        }
        self.bytes = self.bytes.saturating_add(number(value.len()));
        old.is_none()
    }

    fn remove(&mut self, name: &[u8]) -> bool {
        let old = self.fields.remove(name);
        if let Some(old) = &old {
            self.bytes = self.bytes.saturating_sub(number(old.len())).saturating_sub(number(name.len()));
        }
        old.is_some()
    }
}

fn number(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const LIMITS: FlatLimits = FlatLimits { fields: 6, bytes: 8 };

    #[test]
    fn what_is_beyond_the_limits_is_a_table_and_stays_one() {
        let mut fields = Fields::default();
        for number in 0..6_u8 {
            assert!(fields.set(&[number], b"value", LIMITS) && fields.is_flat());
        }
        assert!(!fields.set(&[0], b"another", LIMITS) && fields.is_flat());
        assert!(fields.set(&[6], b"value", LIMITS) && !fields.is_flat());
        for number in 0..7_u8 {
            assert!(fields.remove(&[number]));
        }
        assert!(fields.is_empty() && !fields.is_flat());
        for (name, value) in [(&b"a long name"[..], &b"v"[..]), (b"n", b"a long value")] {
            let mut fields = Fields::default();
            fields.set(name, value, LIMITS);
            assert!(!fields.is_flat() && fields.get(name) == Some(value));
        }
    }

    #[test]
    fn the_weight_is_what_is_held() {
        let mut fields = Fields::default();
        fields.set(b"name", b"Ada", LIMITS);
        // A byte before each name and value says how long it is.
        assert_eq!(fields.weight(), BASE + 9);
        fields.set(b"born", b"10 December 1815", LIMITS);
        assert_eq!(fields.weight(), BASE + 2 * FIELD + 4 + 3 + 4 + 16);
        fields.set(b"born", b"1815", LIMITS);
        fields.remove(b"name");
        assert_eq!(fields.weight(), BASE + FIELD + 8);
        assert_eq!(fields.clone().weight(), fields.weight());
    }

    proptest! {
        #[test]
        fn fields_are_a_map(
            changes in prop::collection::vec(
                (0..12_u8, prop::option::of(prop::collection::vec(any::<u8>(), 0..12))), 0..60),
        ) {
            let (mut fields, mut model) = (Fields::default(), BTreeMap::new());
            for (name, value) in changes {
                let name = vec![name; usize::from(name)];
                match value {
                    Some(value) => {
                        let new = fields.set(&name, &value, LIMITS);
                        prop_assert_eq!(new, model.insert(name.clone(), value).is_none());
                    }
                    None => prop_assert_eq!(fields.remove(&name), model.remove(&name).is_some()),
                }
                prop_assert_eq!(fields.get(&name), model.get(&name).map(Vec::as_slice));
                prop_assert_eq!(fields.len(), model.len());
            }
            let all: BTreeMap<_, _> = fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            prop_assert_eq!(all, model);
        }
    }
}
