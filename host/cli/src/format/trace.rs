//! What a trace is like, as a table.

use comfy_table::Cell;
use host_profile::Bytes;
use host_workload::analysis::{Quantiles, TraceInfo};
use serde::Serialize;

use super::{percent, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// What `host trace info` found; with `--json` it is printed as it is.
#[derive(Debug, Serialize)]
pub(crate) struct Described {
    /// The trace file.
    pub(crate) trace: String,
    /// Its format.
    pub(crate) format: String,
    /// Its compression.
    pub(crate) compression: String,
    /// The form of its keys: `ordered` or `hashed`.
    pub(crate) keys: String,
    /// Why the keys have this form.
    pub(crate) keys_because: String,
    /// Why a recording is not whole; the figures are those of the requests that are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<String>,
    /// Whether reading was ended early; the figures are those of the requests read.
    pub(crate) interrupted: bool,
    #[serde(flatten)]
    pub(crate) info: TraceInfo,
}

/// Prints the figures of a trace, each with what it means.
pub(crate) fn print(described: &Described) -> Result<(), Failure> {
    let Described { trace, format, compression, keys, keys_because, note, interrupted, info } = described;
    outln!("{trace}: {format}, {compression}")?;
    outln!()?;
    let mut out = table::bare();
    let mut row = |name: &str, figure: String, meaning: &str| {
        out.add_row([Cell::new(name), table::figure(figure), Cell::new(meaning)]);
    };
    row("keys", keys.clone(), keys_because);
    row("requests", thousands(info.requests), "");
    row("distinct keys", thousands(info.distinct), "");
    row("one-hit keys", percent(info.one_hit_share), "of the keys are requested once");
    row("top 1 % of keys", percent(info.top_percent_share), "of the requests are for them");
    row("reuse", percent(info.reuse_share), "of the requests are for a key seen before");
    let sequential = info.sequential_share.map_or_else(|| "-".to_owned(), percent);
    row("sequential", sequential, "of the requests are for the number after the one before");
    let distance = |of: fn(&Quantiles) -> u64| {
        info.reuse_distance.as_ref().map_or_else(|| "-".to_owned(), |quantiles| thousands(of(quantiles)))
    };
    row(
        "reuse distance p50",
        distance(|q| q.p50),
        "objects in an LRU cache that hits 50 % of the reuse, exactly",
    );
    row("reuse distance p90", distance(|q| q.p90), "90 %");
    row("reuse distance p99", distance(|q| q.p99), "99 %");
    if let Some(sizes) = &info.sizes {
        row("footprint", Bytes(sizes.footprint_bytes).to_string(), "all objects, each with its first size");
        row("requested", Bytes(sizes.requested_bytes).to_string(), "all requests, each with its size");
        let object = |bytes: u32| Bytes(u64::from(bytes)).to_string();
        row("smallest object", object(sizes.min_bytes), "");
        #[expect(clippy::as_conversions, reason = "a mean of u32, rounded for display")]
        row("mean object", Bytes(sizes.mean_bytes.round() as u64).to_string(), "");
        row("largest object", object(sizes.max_bytes), "");
        if sizes.unsized_share > 0.0 {
            row("without a size", percent(sizes.unsized_share), "of the requests");
        }
    } else {
        row("footprint", "-".to_owned(), "the trace has no sizes");
    }
    table::print(&out)?;
    let ordered = keys == "ordered";
    if ordered && info.unordered_requests > 0 {
        let requests = thousands(info.unordered_requests);
        outln!()?;
        outln!("note: {requests} requests have keys that are no number below 2^53: these keys are hashed")?;
    }
    if ordered && info.numbered_by_first_appearance {
        outln!()?;
        outln!(
            "note: the next new key is always the next number: the keys were numbered in the order of their first"
        )?;
        outln!(
            "requests, or the trace begins with one long scan. What prefetching gains by it need not be real;"
        )?;
        outln!("--hash-keys hides it.")?;
    }
    if let Some(note) = note {
        outln!()?;
        outln!("note: {note}")?;
    }
    if *interrupted {
        outln!()?;
        outln!("ended early by Ctrl-C; the figures cover the requests read")?;
    }
    Ok(())
}
