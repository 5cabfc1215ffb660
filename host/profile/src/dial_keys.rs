//! The keys of dials: where each starts, its bounds, how rival proposals are settled.
//!
//! They are made from the rows of [`host_contract::dial`], so that a new dial is a row there and its defaults in
//! `defaults.toml`, and nothing here.

use std::time::Duration;

use host_contract::dial::{BUILT_IN, CACHE_POLICY, DialSpec, Kind as DialKind, WARM_COMPRESSION};
use host_contract::number::to_f64;

use crate::key::{ARBITRATION, BY_PRIORITY, Key, Kind};
use crate::settings::Compression;

/// The keys of every dial.
pub(crate) fn keys() -> impl Iterator<Item = Key> {
    BUILT_IN.iter().flat_map(|row| {
        let kind = kind(row);
        // Numbers of workers and sizes are bounds that a small machine lowers; names are not.
        let bound = row.kind != DialKind::Choice;
        let values = range(row).map(move |path| Key { path: path.into(), kind, bound });
        let modes = if row.kind == DialKind::Choice { BY_PRIORITY } else { ARBITRATION };
        values.chain([Key { path: row.arbitration_key().into(), kind: modes, bound: false }])
    })
}

/// The keys of each dial whose values must not decrease in this order: minimum, start, maximum, as far as it has them.
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
        (DialKind::Choice, _) if row.dial == WARM_COMPRESSION => Kind::Choice(&Compression::NAMES),
        (DialKind::Choice, _) => Kind::Text,
        (DialKind::Ratio, _) => Kind::Ratio(to_f64(least) / 100.0, to_f64(most) / 100.0),
        (DialKind::Count, "bytes") => Kind::Bytes(least, most),
        (DialKind::Count, "seconds") => Kind::Span(Duration::from_secs(least), Duration::from_secs(most)),
        (DialKind::Count, _) => Kind::Count(least, most),
    }
}
