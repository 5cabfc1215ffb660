//! Layers that are TOML: the defaults, a profile, the user's file.
//!
//! Read as TOML with spans rather than through serde, because an error has to name the line, and a
//! value its source, for every key of every layer.

use host_contract::nearest::nearest;
use host_policy::Registry;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Layer;
use crate::error::ProfileError;
use crate::schema::{self, BASE, Field, KEYS, LIMITS, PINS, Path, STRATEGIES};
use crate::source::Source;
use crate::value::Raw;

/// Reads a TOML text. `source` makes the source of a value from its line, counted from 1.
pub(crate) fn read(
    text: &str,
    source: &dyn Fn(usize) -> Source,
    policies: &Registry,
) -> Result<Layer, ProfileError> {
    let table = DeTable::parse(text).map_err(|error| ProfileError::Syntax {
        place: source(line(text, error.span().map_or(0, |span| span.start))).place(),
        message: error.message().to_owned(),
    })?;
    let mut reader = Reader { text, source, policies, layer: Layer::default() };
    reader.table("", table.get_ref())?;
    Ok(reader.layer)
}

/// The line of a byte of the text, counted from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

/// A name and its value, as the parser gives them.
type Item<'t, 'i> = (&'t Spanned<toml::de::DeString<'i>>, &'t Spanned<DeValue<'i>>);

/// The entries in the order of the file, so that the first error reported is the first in it.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<Item<'t, 'i>> {
    let mut items: Vec<_> = table.iter().collect();
    items.sort_by_key(|(name, _)| name.span().start);
    items
}

struct Reader<'a> {
    text: &'a str,
    source: &'a dyn Fn(usize) -> Source,
    policies: &'a Registry,
    layer: Layer,
}

impl Reader<'_> {
    fn source_at<T>(&self, spanned: &Spanned<T>) -> Source {
        (self.source)(line(self.text, spanned.span().start))
    }

    fn table(&mut self, prefix: &str, table: &DeTable<'_>) -> Result<(), ProfileError> {
        for (name, value) in in_order(table) {
            let path = join(prefix, name.get_ref());
            if path == BASE {
                let base = value.get_ref().as_str().ok_or_else(|| ProfileError::WrongValue {
                    place: self.source_at(name).place(),
                    key: path,
                    expected: "the name of a profile or the path of a .toml file, in quotes".into(),
                    got: Raw::toml(value.get_ref()).describe(),
                    nearest: None,
                })?;
                self.layer.base = Some((base.to_owned(), self.source_at(name)));
            } else if path == STRATEGIES {
                for (strategy, fields) in in_order(self.subtable(&path, value)?) {
                    self.strategy(strategy, fields)?;
                }
            } else if path == PINS {
                self.pins(self.subtable(&path, value)?)?;
            } else if let Some((path, key)) = schema::find(&path) {
                let source = self.source_at(name);
                self.layer.read(path, key.kind, &Raw::toml(value.get_ref()), source, self.policies)?;
            } else if schema::is_table(&path) {
                self.table(&path, self.subtable(&path, value)?)?;
            } else {
                let is_table = value.get_ref().is_table();
                return Err(unknown(prefix, name.get_ref(), is_table, self.source_at(name).place()));
            }
        }
        Ok(())
    }

    fn strategy(
        &mut self,
        name: &Spanned<toml::de::DeString<'_>>,
        fields: &Spanned<DeValue<'_>>,
    ) -> Result<(), ProfileError> {
        let strategy = schema::fold(name.get_ref());
        let path = join(STRATEGIES, &strategy);
        let source = self.source_at(name);
        self.layer.strategies.entry(strategy.clone()).or_insert(source);
        for (name, value) in in_order(self.subtable(&path, fields)?) {
            match name.get_ref().as_ref() {
                "settings" => {
                    for (name, value) in in_order(self.subtable(&join(&path, "settings"), value)?) {
                        self.field(&strategy, Field::Setting(schema::fold(name.get_ref())), name, value)?;
                    }
                }
                LIMITS => self.limits(&strategy, &join(&path, LIMITS), value)?,
                other => match Field::from_name(other) {
                    Some(field) => self.field(&strategy, field, name, value)?,
                    None => {
                        let has = ("a strategy has", Field::NAMES.to_vec());
                        return Err(self.unknown_field(&path, name, has));
                    }
                },
            }
        }
        Ok(())
    }

    fn pins(&mut self, table: &DeTable<'_>) -> Result<(), ProfileError> {
        for (name, value) in in_order(table) {
            let source = self.source_at(name);
            let Some((path, kind)) = schema::pin(name.get_ref()) else {
                return Err(no_policy(&join(PINS, name.get_ref()), source.place()));
            };
            self.refuse_twice(&path, &source)?;
            self.layer.read(path, kind, &Raw::toml(value.get_ref()), source, self.policies)?;
        }
        Ok(())
    }

    fn limits(
        &mut self,
        strategy: &str,
        path: &str,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ProfileError> {
        for (name, value) in in_order(self.subtable(path, value)?) {
            let Some(field) = Field::limit(name.get_ref()) else {
                let has = ("the limits of a strategy are", schema::limits().collect());
                return Err(self.unknown_field(path, name, has));
            };
            self.field(strategy, field, name, value)?;
        }
        Ok(())
    }

    fn unknown_field(
        &self,
        path: &str,
        name: &Spanned<toml::de::DeString<'_>>,
        (has, names): (&str, Vec<&'static str>),
    ) -> ProfileError {
        ProfileError::UnknownKey {
            place: self.source_at(name).place(),
            key: join(path, name.get_ref()),
            what: "key",
            nearest: nearest(name.get_ref(), names.iter().copied()).map(str::to_owned),
            expected: format!("{has} {}", names.join(", ")),
        }
    }

    fn field(
        &mut self,
        strategy: &str,
        field: Field,
        name: &Spanned<toml::de::DeString<'_>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), ProfileError> {
        let kind = field.kind();
        let path = Path::Strategy(strategy.to_owned(), field);
        let source = self.source_at(name);
        self.refuse_twice(&path, &source)?;
        self.layer.read(path, kind, &Raw::toml(value.get_ref()), source, self.policies)
    }

    /// TOML itself refuses a name that is given twice, but not once with `_` and once with `-`.
    fn refuse_twice(&self, path: &Path, source: &Source) -> Result<(), ProfileError> {
        let Some((_, earlier)) = self.layer.values.get(path) else { return Ok(()) };
        Err(ProfileError::Twice { place: source.place(), key: path.to_string(), earlier: earlier.place() })
    }

    fn subtable<'t, 'i>(
        &self,
        path: &str,
        value: &'t Spanned<DeValue<'i>>,
    ) -> Result<&'t DeTable<'i>, ProfileError> {
        value.get_ref().as_table().ok_or_else(|| ProfileError::WrongValue {
            place: self.source_at(value).place(),
            key: path.to_owned(),
            expected: "a table".into(),
            got: Raw::toml(value.get_ref()).describe(),
            nearest: None,
        })
    }
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}

/// The error for a name that is not below `prefix`: nearest are the names beside it, then a key of the
/// same name in another table.
fn unknown(prefix: &str, name: &str, is_table: bool, place: String) -> ProfileError {
    let children = schema::children(prefix);
    let beside = nearest(name, children.iter().copied()).map(|near| join(prefix, near));
    let elsewhere =
        || KEYS.iter().find(|key| key.path.rsplit('.').next() == Some(name)).map(|key| &*key.path);
    let table = if prefix.is_empty() { "a profile".to_owned() } else { format!("[{prefix}]") };
    ProfileError::UnknownKey {
        place,
        key: join(prefix, name),
        what: if is_table { "table" } else { "key" },
        nearest: beside.or_else(|| elsewhere().map(str::to_owned)),
        expected: format!("{table} has {}", children.join(", ")),
    }
}

/// The error for a pin that is not that of a policy.
pub(super) fn no_policy(key: &str, place: String) -> ProfileError {
    ProfileError::UnknownKey {
        place,
        key: key.to_owned(),
        what: "key",
        nearest: None,
        expected:
            "a policy is pinned by the name that `cache.policy` has, such as \"plugin:mine\"; a strategy by \
                   `strategies.NAME.sha256`"
                .into(),
    }
}
