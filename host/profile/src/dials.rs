//! The keys of dials: where each starts, its bounds, how rival proposals are settled.
//!
//! They are made from the rows of [`host_contract::dial`], so that a new dial is a row there and its defaults in
//! `defaults.toml`, and nothing here.

use std::collections::BTreeMap;
use std::time::Duration;

use host_contract::dial::{BUILT_IN, CACHE_POLICY, DialSpec, Kind as DialKind};
use host_contract::number::to_f64;
use host_contract::{Dial, Mode, Value as DialValue};

use crate::error::ProfileError;
use crate::layer::Layer;
use crate::schema::{self, Key, Kind};
use crate::value::Value;

/// What the settings say of one dial.
#[derive(Debug, Clone, PartialEq)]
pub struct DialSettings {
    /// What it stands at when the run begins, in the unit of its row.
    pub start: DialValue,
    /// The least that a strategy may propose; none where its row has no such key.
    pub min: Option<DialValue>,
    /// The most that a strategy may propose; none where its row has no such key.
    pub max: Option<DialValue>,
    /// How proposals of several strategies combine.
    pub mode: Mode,
}

/// The keys of every dial.
pub(crate) fn keys() -> impl Iterator<Item = Key> {
    BUILT_IN.iter().flat_map(|row| {
        let kind = kind(row);
        // What is counted is what a small machine has less of.
        let bound = row.kind != DialKind::Choice;
        let values = range(row).map(move |path| Key { path: path.into(), kind, bound });
        let modes = if row.kind == DialKind::Choice { schema::BY_PRIORITY } else { schema::ARBITRATION };
        values.chain([Key { path: row.arbitration_key().into(), kind: modes, bound: false }])
    })
}

/// The keys of each dial that must not fall: minimum, start, maximum, as far as it has them.
pub(crate) fn ranges() -> impl Iterator<Item = Vec<&'static str>> {
    BUILT_IN.iter().map(|row| range(row).collect())
}

fn range(row: &DialSpec) -> impl Iterator<Item = &'static str> + use<> {
    [row.keys.min, Some(row.keys.start), row.keys.max].into_iter().flatten()
}

/// How a value of a dial is written: sizes and durations with their unit.
fn kind(row: &DialSpec) -> Kind {
    let (least, most) = (row.keys.least, row.keys.most);
    match (row.kind, row.unit) {
        (DialKind::Choice, _) if row.dial == CACHE_POLICY => Kind::Policy,
        (DialKind::Choice, _) => Kind::Text,
        (DialKind::Ratio, _) => Kind::Ratio(to_f64(least) / 100.0, to_f64(most) / 100.0),
        (DialKind::Count, "bytes") => Kind::Bytes(least, most),
        (DialKind::Count, "seconds") => Kind::Span(Duration::from_secs(least), Duration::from_secs(most)),
        (DialKind::Count, _) => Kind::Count(least, most),
    }
}

/// What merged layers say of every dial.
pub(crate) fn settings(layer: &Layer) -> Result<BTreeMap<Dial, DialSettings>, ProfileError> {
    BUILT_IN.iter().map(|row| Ok((row.dial, dial(layer, row)?))).collect()
}

fn dial(layer: &Layer, row: &DialSpec) -> Result<DialSettings, ProfileError> {
    let get = |key: &str| {
        let value = schema::find(key).and_then(|(path, _)| layer.values.get(&path));
        let value = value.and_then(|(value, _)| in_the_unit_of_a_dial(value));
        value.ok_or_else(|| ProfileError::Incomplete { key: key.to_owned() })
    };
    let mode = get(&row.arbitration_key())?;
    let mode = Mode::ALL.into_iter().find(|(_, name)| DialValue::Name((*name).to_owned()) == mode);
    Ok(DialSettings {
        start: get(row.keys.start)?,
        min: row.keys.min.map(get).transpose()?,
        max: row.keys.max.map(get).transpose()?,
        mode: mode
            .map(|(mode, _)| mode)
            .ok_or_else(|| ProfileError::Incomplete { key: row.arbitration_key() })?,
    })
}

fn in_the_unit_of_a_dial(value: &Value) -> Option<DialValue> {
    match value {
        Value::Text(name) => Some(DialValue::Name(name.clone())),
        Value::Count(count) => Some(DialValue::Count(*count)),
        Value::Bytes(bytes) => Some(DialValue::Count(bytes.get())),
        Value::Span(span) => Some(DialValue::Count(span.as_secs())),
        Value::Ratio(ratio) => Some(DialValue::Ratio(*ratio)),
        Value::Flag(_) | Value::Grants(_) => None,
    }
}
