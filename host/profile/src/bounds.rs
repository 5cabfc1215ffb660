//! What values must be to one another, and to the machine.
//!
//! Two steps, in this order. First a start outside its own bounds is an error: two lines contradict each
//! other, and only their author knows which is meant. Then capacities are lowered to what there is:
//! `memory.cap` beats the minimum, and the machine's real memory beats both. Lowering is no error, since
//! the same file serves machines of many sizes, but each case is reported in a sentence.

use host_contract::number::to_f64;
use host_telemetry::Machine;

use crate::bytes::Bytes;
use crate::dial_keys;
use crate::error::ProfileError;
use crate::layer::Layer;
use crate::schema::{self, Path};
use crate::source::Source;
use crate::value::Value;

/// What `memory.cap` may take of the memory that this process may use. The rest is left to code, stacks and the work
/// itself. Percent.
const CAP_SHARE: u8 = 80;
/// What a built-in profile's cache starts with at most. Percent of the memory.
const START_SHARE: u8 = 30;
/// What a built-in profile's cache may grow to at most. Percent of the memory.
const GROWN_SHARE: u8 = 40;

/// Checks `minimum <= start <= maximum` of each dial.
pub(crate) fn check(layer: &Layer) -> Result<(), ProfileError> {
    for range in dial_keys::ranges() {
        for (low, high) in range.iter().zip(range.iter().skip(1)) {
            let (Some(lower), Some(higher)) = (get(layer, low), get(layer, high)) else { continue };
            if order(&lower.0).total_cmp(&order(&higher.0)).is_gt() {
                return Err(contradiction((low, lower), (high, higher)));
            }
        }
    }
    check_shares(layer)
}

/// The keys of what priorities are sure of.
const SHARES: [&str; 3] = ["executor.shares.high", "executor.shares.normal", "executor.shares.low"];

/// Checks that priorities are sure of no more than there is. The error names the latest of the layers.
fn check_shares(layer: &Layer) -> Result<(), ProfileError> {
    let shares = || SHARES.iter().filter_map(|key| Some((*key, get(layer, key)?)));
    let count = |value: &Value| if let Value::Count(count) = value { *count } else { 0 };
    let sum: u64 = shares().map(|(_, (value, _))| count(value)).sum();
    match shares().max_by_key(|(_, (_, source))| source) {
        Some((key, (value, source))) if sum > 100 => Err(ProfileError::Bounds {
            place: source.place(),
            key: key.to_owned(),
            value: value.to_string(),
            relation: "more than",
            other: format!(
                "the other two of executor.shares leave of 100, which is {}",
                100_u64.saturating_sub(sum - count(value))
            ),
        }),
        _ => Ok(()),
    }
}

fn get<'a>(layer: &'a Layer, key: &str) -> Option<&'a (Value, Source)> {
    schema::find(key).and_then(|(path, _)| layer.values.get(&path))
}

fn order(value: &Value) -> f64 {
    match value {
        Value::Count(count) => to_f64(*count),
        Value::Bytes(bytes) => to_f64(bytes.get()),
        Value::Span(span) => span.as_secs_f64(),
        Value::Ratio(ratio) => *ratio,
        Value::Text(_) | Value::Flag(_) | Value::Grants(_) => 0.0,
    }
}

/// The error names the later of the two layers, which is probably the one that was just edited.
fn contradiction(low: (&str, &(Value, Source)), high: (&str, &(Value, Source))) -> ProfileError {
    let low_is_later = low.1.1 > high.1.1;
    let (at, other) = if low_is_later { (low, high) } else { (high, low) };
    ProfileError::Bounds {
        place: at.1.1.place(),
        key: at.0.to_owned(),
        value: at.1.0.to_string(),
        relation: if low_is_later { "more than" } else { "less than" },
        other: format!("{}, which is {} ({})", other.0, other.1.0, other.1.1),
    }
}

/// Lowers capacities to the total cap and to the machine. Returns a sentence for each.
pub(crate) fn clamp(layer: &mut Layer, machine: &Machine) -> Vec<String> {
    let mut notes = Vec::new();
    let memory = Bytes(machine.memory_limit_bytes);
    let known = memory.get() > 0;
    if known {
        let limit = memory.percent(CAP_SHARE);
        let why = format!("the machine has {memory}, of which {CAP_SHARE} % at most");
        lower(layer, "memory.cap", limit, &Source::Machine, &why, &mut notes);
    }
    let (cap, cap_source) = match get(layer, "memory.cap") {
        Some((Value::Bytes(cap), source)) => (*cap, source.clone()),
        _ => return notes,
    };
    let cap_why = format!("memory.cap is {cap} ({cap_source})");
    let cap_source = if cap_source == Source::Machine { Source::Machine } else { Source::Cap };

    // The shares of the memory are defaults. A figure that the user gives overrides them, up to the cap.
    let users = |key| get(layer, key).is_some_and(|(_, source)| source.is_users());
    let users_start = users("cache.capacity");
    let users_max = users_start || users("cache.max-capacity");
    for (key, share, users) in
        [("cache.max-capacity", GROWN_SHARE, users_max), ("cache.capacity", START_SHARE, users_start)]
    {
        let limit = memory.percent(share);
        if known && !users && limit < cap {
            let why = format!("the machine has {memory}, of which {share} % at most");
            lower(layer, key, limit, &Source::Machine, &why, &mut notes);
        } else {
            lower(layer, key, cap, &cap_source, &cap_why, &mut notes);
        }
    }
    if let Some((Value::Bytes(cache), _)) = get(layer, "cache.capacity").cloned() {
        let why = format!("{cap_why}, of which cache.capacity takes {cache}");
        let rest = Bytes(cap.get().saturating_sub(cache.get()));
        lower(layer, "tiers.warm.capacity", rest, &cap_source, &why, &mut notes);
    }
    if let Some((Value::Bytes(start), source)) = get(layer, "cache.capacity").cloned() {
        let why = format!("cache.capacity is {start} ({source})");
        // Only a lowered start can be below the floor by now, so its source is Cap or Machine.
        lower(layer, "cache.min-capacity", start, &source, &why, &mut notes);
    }
    notes
}

fn lower(layer: &mut Layer, key: &str, limit: Bytes, source: &Source, why: &str, notes: &mut Vec<String>) {
    let Some((path @ Path::Key(..), _)) = schema::find(key) else { return };
    if let Some((Value::Bytes(value), from)) = layer.values.get_mut(&path)
        && *value > limit
    {
        notes.push(format!("{key} {value} -> {limit}: {why}"));
        *value = limit;
        *from = source.clone();
    }
}
