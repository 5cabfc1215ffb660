//! Layers that are plain text: variables of the environment and the flag `--set`.
//!
//! A variable is `HOST_` and the key in capitals with `_` for dots and dashes. Where a strategy's
//! name ends is not clear in such a name, so only strategies that a lower layer has named can be
//! set this way; `--set` has no such limit. Pins of policies cannot: a variable's name has no `:`.

use std::ffi::OsString;

use host_contract::nearest::{nearest, nearest_within};
use host_policy::Registry;

use super::Layer;
use crate::error::ProfileError;
use crate::key::Kind;
use crate::schema::{self, Field, KEYS, LIMITS, PINS, Path, STRATEGIES};
use crate::source::Source;
use crate::value::Raw;

const PREFIX: &str = "HOST_";

/// The variable of a key.
fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_uppercase().replace(['.', '-'], "_"))
}

/// Reads the variables that are keys of ours; an empty one counts as not set. `strategies` are the names known
/// from lower layers.
pub(crate) fn environment(
    variables: &[(OsString, OsString)],
    strategies: &[String],
    policies: &Registry,
) -> Result<Layer, ProfileError> {
    let mut layer = Layer::default();
    for (name, text) in variables {
        if !name.as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
            continue;
        }
        let (Some(name), Some(text)) = (name.to_str(), text.to_str()) else {
            return Err(ProfileError::NotText { name: name.to_string_lossy().into_owned() });
        };
        if text.trim().is_empty() {
            continue;
        }
        match key_of_variable(name, strategies) {
            Some((path, kind)) => {
                layer.read(path, kind, &Raw::bare(text), Source::Environment(name.to_owned()), policies)?;
            }
            None => refuse_if_ours(name, strategies)?,
        }
    }
    Ok(layer)
}

fn key_of_variable(name: &str, strategies: &[String]) -> Option<(Path, Kind)> {
    if let Some(key) = KEYS.iter().find(|key| variable(&key.path) == name) {
        return schema::find(&key.path).map(|(path, key)| (path, key.kind));
    }
    strategies.iter().find_map(|strategy| {
        let rest = name.strip_prefix(&variable(&format!("{STRATEGIES}.{strategy}.")))?;
        let rest = rest.to_lowercase().replace('_', "-");
        let field = match (rest.strip_prefix("settings-"), rest.strip_prefix("limits-")) {
            (Some(setting), _) => Field::Setting(setting.to_owned()),
            (None, Some(limit)) => Field::limit(limit)?,
            (None, None) => Field::from_name(&rest)?,
        };
        let kind = field.kind();
        Some((Path::Strategy(strategy.clone(), field), kind))
    })
}

/// A variable that belongs to no key is taken for a typing mistake where it begins with one of our tables, or differs
/// from one of our names by a letter or two. Any other belongs to another program that uses the prefix `HOST_`.
fn refuse_if_ours(name: &str, strategies: &[String]) -> Result<(), ProfileError> {
    let mut known: Vec<String> = KEYS.iter().map(|key| variable(&key.path)).collect();
    for strategy in strategies {
        let limits = schema::limits().map(|limit| format!("{LIMITS}.{limit}"));
        let own = Field::NAMES.into_iter().filter(|name| Field::from_name(name).is_some());
        for field in own.map(str::to_owned).chain(limits) {
            known.push(variable(&format!("{STRATEGIES}.{strategy}.{field}")));
        }
    }
    let known = || known.iter().map(String::as_str);
    let in_table = schema::children("").iter().filter(|table| schema::is_table(table)).any(|table| {
        name.strip_prefix(&variable(table)).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    });
    let near = if in_table { nearest(name, known()) } else { nearest_within(name, known(), 2) };
    if !in_table && near.is_none() {
        return Ok(());
    }
    Err(ProfileError::UnknownKey {
        place: "environment".into(),
        key: name.to_owned(),
        what: "variable",
        nearest: near.map(str::to_owned),
        expected: "`host profile show` lists the keys".into(),
    })
}

/// Reads `KEY=VALUE`, in order.
pub(crate) fn flags(sets: &[String], policies: &Registry) -> Result<Layer, ProfileError> {
    let mut layer = Layer::default();
    for set in sets {
        let Some((name, text)) = set.split_once('=') else {
            return Err(ProfileError::BadSet { got: set.clone() });
        };
        let (path, kind) = key_of_flag(name.trim()).ok_or_else(|| unknown_flag(name.trim()))?;
        layer.read(path, kind, &Raw::bare(text), Source::Flag, policies)?;
    }
    Ok(layer)
}

fn key_of_flag(name: &str) -> Option<(Path, Kind)> {
    if let Some((path, key)) = schema::find(name) {
        return Some((path, key.kind));
    }
    if let Some(policy) = pinned(name) {
        return schema::pin(policy);
    }
    let rest = name.strip_prefix(STRATEGIES)?.strip_prefix('.')?;
    let (strategy, field) = match (rest.split_once(".settings."), rest.split_once(".limits.")) {
        (Some((strategy, setting)), _) if !setting.is_empty() => {
            (strategy, Field::Setting(schema::fold(setting)))
        }
        (None, Some((strategy, limit))) => (strategy, Field::limit(limit)?),
        _ => {
            let (strategy, field) = rest.rsplit_once('.')?;
            (strategy, Field::from_name(field)?)
        }
    };
    let kind = field.kind();
    (!strategy.is_empty()).then(|| (Path::Strategy(schema::fold(strategy), field), kind))
}

/// What stands behind the table of pins, with or without the quotes that a file has.
fn pinned(name: &str) -> Option<&str> {
    let policy = name.strip_prefix(PINS)?.strip_prefix('.')?;
    Some(policy.strip_prefix('"').and_then(|policy| policy.strip_suffix('"')).unwrap_or(policy))
}

fn unknown_flag(name: &str) -> ProfileError {
    if pinned(name).is_some() {
        return super::file::no_policy(name, Source::Flag.place());
    }
    let strategys = name.strip_prefix(STRATEGIES).is_some_and(|rest| rest.starts_with('.'));
    let (near, expected) = if strategys {
        let split = name.rsplit_once('.');
        let of_limits = split.is_some_and(|(table, _)| table.ends_with(".limits"));
        let (has, names): (_, Vec<_>) = if of_limits {
            ("the limits of a strategy are".to_owned(), schema::limits().collect())
        } else {
            (format!("{STRATEGIES}.NAME has"), Field::NAMES.to_vec())
        };
        let near = split.and_then(|(table, field)| {
            nearest(field, names.iter().copied()).map(|field| format!("{table}.{field}"))
        });
        (near, format!("{has} {}", names.join(", ")))
    } else {
        let near = nearest(name, KEYS.iter().map(|key| &*key.path)).map(str::to_owned);
        (near, "`host profile show` lists the keys".into())
    };
    ProfileError::UnknownKey {
        place: Source::Flag.place(),
        key: name.to_owned(),
        what: "key",
        nearest: near,
        expected,
    }
}
