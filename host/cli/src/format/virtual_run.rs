//! The report of a run in virtual time.

use std::collections::BTreeMap;

use host_contract::Unit;
use host_control::registration::Cost;
use host_profile::Bytes;
use host_runtime::VirtualReport;

use super::{report, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Prints the report. Nothing in it depends on the machine: the same command gives the same bytes.
pub(crate) fn print(run: &VirtualReport) -> Result<(), Failure> {
    outln!(
        "{}: {} requests, {} distinct keys, capacity {}, {} ticks, profile {}",
        run.trace,
        thousands(run.requests),
        thousands(run.distinct),
        match run.unit {
            Unit::Bytes => Bytes(run.capacity).to_string(),
            Unit::Objects => format!("{} objects", thousands(run.capacity)),
        },
        thousands(run.ticks),
        run.profile
    )?;
    outln!()?;
    let hit_ratio = |miss_ratio: f64| table::figure(format!("{:.2}", (1.0 - miss_ratio) * 100.0));
    let bytes = run.byte_miss_ratio.is_some();
    let row = |name: String, miss_ratio: f64, misses: u64, byte_miss_ratio: Option<f64>| {
        let mut cells =
            vec![comfy_table::Cell::new(name), hit_ratio(miss_ratio), table::figure(thousands(misses))];
        if bytes {
            cells.push(table::figure(
                byte_miss_ratio.map_or_else(String::new, |ratio| format!("{:.2}", (1.0 - ratio) * 100.0)),
            ));
        }
        cells
    };
    let mut header =
        vec![comfy_table::Cell::new("POLICY"), table::figure("HIT RATIO %"), table::figure("MISSES")];
    if bytes {
        header.push(table::figure("BY BYTE %"));
    }
    let mut out = table::bare();
    out.set_header(header);
    for fixed in &run.fixed {
        let name = format!("{} alone", fixed.policy);
        out.add_row(row(name, fixed.miss_ratio, fixed.misses, fixed.byte_miss_ratio));
    }
    // A policy alone prefetches nothing, so the name of this row says that it includes prefetches.
    let what = if run.prefetch.issued > 0 { "strategies and prefetches" } else { "strategies" };
    let name = format!("{what}, at the end {}", run.policy);
    out.add_row(row(name, run.miss_ratio, run.misses, run.byte_miss_ratio));
    table::print(&out)?;
    let prefetch = run.prefetch;
    if prefetch.issued > 0 {
        outln!()?;
        outln!(
            "prefetched: {} timely, {} late, {} wasted",
            thousands(prefetch.timely),
            thousands(prefetch.late),
            thousands(prefetch.wasted)
        )?;
        if prefetch.withheld > 0 {
            outln!(
                "held back to measure: {} of rules in force, {} of them asked for",
                thousands(prefetch.withheld),
                thousands(prefetch.withheld_asked)
            )?;
        }
        outln!(
            "charged: {} loads, {} of them prefetches; {} misses waited {:.3} s for a slot, {} missed what left for prefetches",
            thousands(run.origin.loads),
            thousands(prefetch.issued),
            thousands(run.origin.delayed),
            run.origin.delay_seconds,
            thousands(prefetch.caused)
        )?;
    }
    if let Some(warming) = &run.warming {
        super::warming::print(warming)?;
    }
    report::decisions(&run.decisions, &run.rules)?;
    super::strategies::print(&run.strategies, &run.cost.strategies)?;
    fuel(&run.cost.strategies, run.ticks)?;
    for note in &run.notes {
        outln!("note: {note}")?;
    }
    Ok(())
}

/// What tuning cost, in fuel: time would differ from run to run.
pub(crate) fn fuel(strategies: &BTreeMap<String, Cost>, ticks: u64) -> Result<(), Failure> {
    if strategies.is_empty() {
        return Ok(());
    }
    let all: u64 = strategies.values().map(|cost| cost.fuel).sum();
    let each: Vec<String> =
        strategies.iter().map(|(name, cost)| format!("{name} {}", thousands(cost.fuel))).collect();
    outln!()?;
    outln!("cost of tuning: {} units of fuel in {ticks} ticks ({})", thousands(all), each.join(", "))?;
    Ok(())
}
