//! `host plugin gauges` and `host plugin dials`: what a strategy may read and propose, by name.
//!
//! Both are the tables of the contract, so that what is printed is what the host knows.

use host_contract::dial::{Kind, Mode};
use host_contract::{DialSpec, Dials, GaugeSpec, Gauges};
use serde::Serialize;

use crate::commands::print_json;
use crate::exit::Failure;
use crate::format::table;

#[derive(Serialize)]
struct Gauge {
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
}

impl From<&GaugeSpec> for Gauge {
    fn from(row: &GaugeSpec) -> Self {
        Self { name: row.name, unit: row.unit, meaning: row.meaning }
    }
}

/// Prints the gauges.
pub(super) fn gauges(json: bool) -> Result<(), Failure> {
    let gauges = Gauges::built_in();
    if json {
        return print_json(&gauges.iter().map(Gauge::from).collect::<Vec<_>>());
    }
    let mut out = table::new(["GAUGE", "UNIT", "MEANING"]);
    for row in gauges.iter() {
        out.add_row([row.name, row.unit, row.meaning]);
    }
    table::print(&out)
}

#[derive(Serialize)]
struct Dial {
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    /// The grant through which a strategy proposes a value.
    grant: &'static str,
    /// `name`, `count` or `ratio`.
    value: &'static str,
    /// How proposals of several strategies combine where the profile does not say.
    combine: Mode,
    start: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<&'static str>,
    arbitration: String,
}

impl From<&DialSpec> for Dial {
    fn from(row: &DialSpec) -> Self {
        Self {
            name: row.dial.name(),
            unit: row.unit,
            meaning: row.meaning,
            grant: row.grant.name(),
            value: match row.kind {
                Kind::Choice => "name",
                Kind::Count => "count",
                Kind::Ratio => "ratio",
            },
            combine: row.mode,
            start: row.keys.start,
            min: row.keys.min,
            max: row.keys.max,
            arbitration: row.arbitration_key(),
        }
    }
}

/// Prints the dials.
pub(super) fn dials(json: bool) -> Result<(), Failure> {
    let dials = Dials::built_in();
    if json {
        return print_json(&dials.iter().map(Dial::from).collect::<Vec<_>>());
    }
    let mut out = table::new(["DIAL", "UNIT", "GRANT", "PROFILE KEYS", "MEANING"]);
    for row in dials.iter() {
        let keys = [Some(row.keys.start), row.keys.min, row.keys.max];
        let keys: Vec<&str> = keys.into_iter().flatten().collect();
        out.add_row([row.dial.name(), row.unit, row.grant.name(), &keys.join(", "), row.meaning]);
    }
    table::print(&out)
}
