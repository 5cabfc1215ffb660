//! What the settings say of each dial: where it starts, its bounds, how rival proposals are settled.

use std::collections::BTreeMap;

use host_contract::dial::{BUILT_IN, DialSpec};
use host_contract::{Dial, Mode, Value as DialValue};

use crate::error::ProfileError;
use crate::layer::Layer;
use crate::schema;
use crate::value::Value;

/// What the settings say of one dial.
#[derive(Debug, Clone, PartialEq)]
pub struct DialSettings {
    /// Its value when the run begins, in the unit of its row.
    pub start: DialValue,
    /// The least that a strategy may propose; none where its row has no such key.
    pub min: Option<DialValue>,
    /// The most that a strategy may propose; none where its row has no such key.
    pub max: Option<DialValue>,
    /// How proposals of several strategies combine.
    pub mode: Mode,
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
