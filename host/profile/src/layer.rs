//! A layer: the values that one source gives, and which layers there are.
//!
//! Layers are merged value by value, a later one over an earlier one. A strategy's table merges the
//! same way, so that `[strategies.cache-policy] priority = 20` leaves its grants as they are.

pub(crate) mod file;
pub(crate) mod text;

use std::collections::BTreeMap;

use host_policy::Registry;

use crate::error::ProfileError;
use crate::key::Kind;
use crate::schema::{self, Field, Path};
use crate::source::Source;
use crate::value::{self, Raw, Value};

/// Values with their sources, in the order in which they are printed.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    pub(crate) values: BTreeMap<Path, (Value, Source)>,
    /// The profile that a profile's file builds on, and where the file says so.
    pub(crate) base: Option<(String, Source)>,
    /// Each strategy that has a table, even an empty one, and where it was first named.
    pub(crate) strategies: BTreeMap<String, Source>,
}

impl Layer {
    /// Reads one value into the layer.
    fn read(
        &mut self,
        path: Path,
        kind: Kind,
        raw: &Raw,
        source: Source,
        policies: &Registry,
    ) -> Result<(), ProfileError> {
        let value = value::read(kind, raw, policies).map_err(|mismatch| ProfileError::WrongValue {
            place: source.place(),
            key: path.to_string(),
            expected: mismatch.expected,
            got: mismatch.got,
            nearest: mismatch.nearest,
        })?;
        if let Path::Strategy(name, _) = &path {
            self.strategies.entry(name.clone()).or_insert_with(|| source.clone());
        }
        self.values.insert(path, (value, source));
        Ok(())
    }

    /// Lays `other` over this one. The loader lays what `other` builds on below both.
    pub(crate) fn merge(&mut self, other: Self) {
        self.values.extend(other.values);
        for (name, source) in other.strategies {
            self.strategies.entry(name).or_insert(source);
        }
    }

    /// Lays `other` over this one as hardware does: of each bound the smaller value stays, and nothing
    /// else is taken.
    pub(crate) fn overlay(&mut self, other: Self) {
        for (path, (value, source)) in other.values {
            let Path::Key(index, _) = &path else { continue };
            if !schema::KEYS.get(*index).is_some_and(|key| key.bound) {
                continue;
            }
            let smaller = match (&value, self.values.get(&path).map(|(present, _)| present)) {
                (Value::Count(new), Some(Value::Count(present))) => new < present,
                (Value::Bytes(new), Some(Value::Bytes(present))) => new < present,
                (Value::Ratio(new), Some(Value::Ratio(present))) => new < present,
                _ => false,
            };
            if smaller {
                self.values.insert(path, (value, source));
            }
        }
    }

    /// Gives every strategy the fields it does not mention.
    pub(crate) fn complete_strategies(&mut self) {
        for name in self.strategies.keys() {
            for (field, value) in [
                (Field::Enabled, Value::Flag(true)),
                (Field::Priority, Value::Count(ADDED_PRIORITY)),
                (Field::Grants, Value::Grants(Vec::new())),
            ] {
                let path = Path::Strategy(name.clone(), field);
                self.values.entry(path).or_insert((value, Source::Default));
            }
        }
    }
}

/// Priority of a strategy whose table gives none. Above the bundled ones, which have 10, so that a strategy that a
/// user adds wins against them.
const ADDED_PRIORITY: u64 = 50;
