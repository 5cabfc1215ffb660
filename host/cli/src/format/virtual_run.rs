//! The report of a run in virtual time.

use host_runtime::VirtualReport;

use super::{report, table, thousands};
use crate::exit::Failure;

/// Prints the report. Nothing in it depends on the machine: the same command gives the same bytes.
pub(crate) fn print(run: &VirtualReport) -> Result<(), Failure> {
    println!(
        "{}: {} requests, {} distinct keys, capacity {}, {} ticks, profile {}\n",
        run.trace,
        thousands(run.requests),
        thousands(run.distinct),
        thousands(run.capacity),
        thousands(run.ticks),
        run.profile
    );
    let hit_ratio = |miss_ratio: f64| table::figure(format!("{:.2}", (1.0 - miss_ratio) * 100.0));
    let mut out = table::bare();
    out.set_header(vec![
        comfy_table::Cell::new("POLICY"),
        table::figure("HIT RATIO %"),
        table::figure("MISSES"),
    ]);
    for fixed in &run.fixed {
        let name = comfy_table::Cell::new(format!("{} alone", fixed.policy));
        out.add_row(vec![name, hit_ratio(fixed.miss_ratio), table::figure(thousands(fixed.misses))]);
    }
    let name = comfy_table::Cell::new(format!("strategies, at the end {}", run.policy));
    out.add_row(vec![name, hit_ratio(run.miss_ratio), table::figure(thousands(run.misses))]);
    table::print(&out)?;
    let ahead = run.prefetch;
    if ahead.issued > 0 {
        println!(
            "\nloaded ahead: {} timely, {} late, {} wasted",
            thousands(ahead.timely),
            thousands(ahead.late),
            thousands(ahead.wasted)
        );
    }
    report::decisions(&run.decisions);
    for aside in &run.set_aside {
        println!("\nset aside: {} in tick {}: {}", aside.strategy, aside.tick, aside.text);
    }
    for note in &run.notes {
        println!("note: {note}");
    }
    Ok(())
}
