//! The report of a list of commands.

use host_profile::Bytes;
use host_runtime::batch::{BatchReport, Kind};

use super::{micros, report, strategies, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Characters of a command shown on a line.
const COMMAND: usize = 100;

/// Prints the report.
pub(crate) fn print(report: &BatchReport) -> Result<(), Failure> {
    outln!()?;
    let ended = report.ok + report.failed;
    outln!(
        "{} of {} commands in {:.2} s, {:.1} a second: {} ok, {} failed{}{}",
        thousands(ended),
        thousands(report.commands - report.done_before),
        report.seconds,
        report.per_second,
        thousands(report.ok),
        thousands(report.failed),
        said(report.retries, "tried again"),
        said(report.not_run, "not begun"),
    )?;
    if report.done_before > 0 {
        outln!("{} had succeeded before, by the job log, and were left out", thousands(report.done_before))?;
    }
    kinds(report)?;
    for failed in &report.examples {
        let command: String = failed.command.chars().take(COMMAND).collect();
        outln!("line {}: {}: {command}", failed.line, failed.ending)?;
    }
    let more = report.failed.saturating_sub(u64::try_from(report.examples.len()).unwrap_or(0));
    if more > 0 {
        outln!("and {} more that failed; --job-log FILE names them all", thousands(more))?;
    }
    report::decisions(&report.decisions, &[])?;
    if report.strategies.iter().any(|status| !status.events.is_empty()) {
        strategies::print(&report.strategies, &report.cost.strategies)?;
    }
    for note in &report.notes {
        outln!("note: {note}")?;
    }
    if report.halted {
        outln!("ended early, since a command failed (--halt on-error)")?;
    }
    if report.interrupted {
        outln!("ended early by Ctrl-C; the commands that ran were ended")?;
    }
    Ok(())
}

fn said(count: u64, what: &str) -> String {
    if count == 0 { String::new() } else { format!(", {} {what}", thousands(count)) }
}

fn kinds(report: &BatchReport) -> Result<(), Failure> {
    if report.kinds.iter().all(|kind| kind.success_rate.is_none()) {
        return Ok(());
    }
    outln!()?;
    let mut out = table::bare();
    let heading = ["ok", "failed", "mean", "median", "p95", "p99", "last", "CPU", "peak memory"];
    out.set_header(std::iter::once(comfy_table::Cell::new("program")).chain(heading.map(table::figure)));
    for kind in report.kinds.iter().filter(|kind| kind.success_rate.is_some()) {
        out.add_row(std::iter::once(table::text(&kind.name)).chain(row(kind).map(table::figure)));
    }
    table::print(&out)
}

fn row(kind: &Kind) -> [String; 9] {
    let time = |seconds: f64| micros(seconds * 1e6);
    [
        thousands(kind.ok),
        thousands(kind.failed),
        time(kind.mean),
        time(kind.p50),
        time(kind.p95),
        time(kind.p99),
        time(kind.latest),
        format!("{:.0} %", kind.cpu_share * 100.0),
        kind.peak_bytes.map_or_else(|| "-".to_owned(), |bytes| Bytes(bytes).to_string()),
    ]
}
