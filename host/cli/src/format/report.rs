//! The report of a run: one screen.

use host_contract::{Dial, Value};
use host_control::effect::{Effect, Found};
use host_control::ledger::{Decision, RulesChanged};
use host_profile::Bytes;
use host_runtime::report::comparison::{Change, Comparison};
use host_runtime::report::{Cost, Figures, Report, Share, Totals};

use super::{micros, percent, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Decisions shown; the ledger has them all.
const DECISIONS: usize = 10;

/// Characters of a reason shown on a line.
const REASON: usize = 108;

/// Characters of the column of changes: at least, and the most for which it is widened.
const LEAST_CHANGE: usize = 14;
const WIDEST_CHANGE: usize = 24;

/// Prints the report.
pub(crate) fn print(report: &Report) -> Result<(), Failure> {
    outln!()?;
    if let Some(sweep) = &report.sweep {
        super::sweep::print(sweep)?;
    }
    figures(report)?;
    if let Some(warming) = report.tuned.as_ref().and_then(|tuned| tuned.warming.as_ref()) {
        super::warming::print(warming)?;
    }
    phases(report)?;
    if let Some(totals) = &report.workload.totals {
        totals_of(totals)?;
    }
    if report.tuned.is_some() {
        decisions(&report.decisions, &report.rules)?;
    }
    super::strategies::print(&report.strategies, &report.cost.strategies)?;
    cost(&report.cost)?;
    for note in &report.notes {
        outln!("note: {note}")?;
    }
    if report.interrupted {
        outln!("ended early by Ctrl-C; the figures cover what was done")?;
    }
    Ok(())
}

fn figures(report: &Report) -> Result<(), Failure> {
    let sides = [("before", &report.baseline), ("after", &report.tuned), ("again", &report.baseline_again)];
    let sides: Vec<(&str, &Figures)> =
        sides.into_iter().filter_map(|(name, side)| side.as_ref().map(|figures| (name, figures))).collect();
    if sides.is_empty() {
        return Ok(());
    }
    let comparison = Comparison::of(report);
    let mut out = table::bare();
    if sides.len() > 1 {
        let mut heading = vec![comfy_table::Cell::new("")];
        heading.extend(sides.iter().map(|(name, _)| table::figure(*name)));
        heading.extend(comparison.map(|_| table::figure("change")));
        out.set_header(heading);
    }
    let mut row = |name: &str, text: &dyn Fn(&Figures) -> String, change: Option<Change>, points: bool| {
        let mut cells = vec![comfy_table::Cell::new(name)];
        cells.extend(sides.iter().map(|(_, figures)| table::figure(text(figures))));
        if comparison.is_some() {
            cells.push(table::figure(change.map_or_else(String::new, |change| claimed(change, points))));
        }
        out.add_row(cells);
    };
    let relative = |of: &dyn Fn(&Figures) -> f64| comparison.and_then(|comparison| comparison.relative(of));
    let absolute = |of: &dyn Fn(&Figures) -> f64| comparison.map(|comparison| comparison.absolute(of));
    row("hit ratio", &|f| percent(f.hit_ratio), absolute(&|f| f.hit_ratio), true);
    if sides.iter().any(|(_, figures)| figures.prefetch.issued > 0 || figures.prefetched > 0) {
        row("prefetched", &|f| percent(f.prefetched_ratio), absolute(&|f| f.prefetched_ratio), true);
    }
    row("time", &|f| format!("{:.2} s", f.seconds), relative(&|f| f.seconds), false);
    row("throughput", &|f| format!("{:.0} /s", f.throughput), relative(&|f| f.throughput), false);
    row("p50", &|f| micros(f.p50_us), relative(&|f| f.p50_us), false);
    row("p99", &|f| micros(f.p99_us), relative(&|f| f.p99_us), false);
    row("peak memory", &|f| Bytes(f.peak_memory_bytes).to_string(), None, false);
    row("requests", &|f| thousands(f.requests), None, false);
    row("workers cpu + io", &|f| format!("{} + {}", f.cpu_workers, f.io_workers), None, false);
    row("policy", &|f| f.policy.clone(), None, false);
    row("cache", &|f| Bytes(f.capacity_bytes).to_string(), None, false);
    if sides.iter().any(|(_, figures)| figures.prefetch.issued > 0) {
        let text = |f: &Figures| {
            let p = f.prefetch;
            format!("{} / {} / {}", p.timely, p.late, p.wasted)
        };
        row("prefetch: timely/late/wasted", &text, None, false);
    }
    table::print(&out)?;
    if let Some(comparison) = comparison {
        let noise = percent(comparison.noise());
        outln!(
            "before and again: the profile's starting settings, strategies off; a change below {noise} is noise"
        )?;
        outln!("what the best fixed settings would have gained: --against sweep")?;
    }
    Ok(())
}

/// A change as text; one within the noise is not given as a figure.
fn claimed(change: Change, points: bool) -> String {
    match change {
        Change::By(by) if points => format!("{:+.1} points", by * 100.0),
        Change::By(by) => format!("{:+.0} %", by * 100.0),
        Change::WithinNoise(_) => "within noise".to_owned(),
    }
}

fn phases(report: &Report) -> Result<(), Failure> {
    let Some(tuned) = report.tuned.as_ref().or(report.baseline.as_ref()) else { return Ok(()) };
    if tuned.phases.len() < 2 {
        return Ok(());
    }
    let before = report.baseline.as_ref().filter(|_| report.tuned.is_some());
    outln!()?;
    let mut out = table::bare();
    let headings: &[&str] = match before {
        Some(_) => &["hits before", "after", "time before", "after"],
        None => &["requests", "hits", "time"],
    };
    let heading = headings.iter().map(|text| table::figure(*text));
    out.set_header(std::iter::once(comfy_table::Cell::new("phase")).chain(heading));
    for (at, phase) in tuned.phases.iter().enumerate() {
        let ratio = |phase: &host_runtime::report::Phase| phase.hit_ratio().map_or("-".to_owned(), percent);
        let seconds = |phase: &host_runtime::report::Phase| format!("{:.2} s", phase.seconds);
        let cells = match before.and_then(|figures| figures.phases.get(at)) {
            Some(before) => vec![ratio(before), ratio(phase), seconds(before), seconds(phase)],
            None => vec![thousands(phase.requests), ratio(phase), seconds(phase)],
        };
        let cells = cells.into_iter().map(table::figure);
        out.add_row(std::iter::once(table::text(&phase.name)).chain(cells));
    }
    table::print(&out)
}

fn totals_of(totals: &Totals) -> Result<(), Failure> {
    outln!()?;
    outln!(
        "{} text files, {} bytes, {} lines, {} tokens (o200k); {} binary, {} unreadable",
        thousands(totals.files),
        thousands(totals.bytes),
        thousands(totals.lines),
        thousands(totals.tokens),
        thousands(totals.binary),
        thousands(totals.unreadable)
    )?;
    breakdown("most tokens in", &totals.directories)?;
    breakdown("languages", &totals.languages)
}

fn breakdown(title: &str, shares: &[Share]) -> Result<(), Failure> {
    if shares.is_empty() {
        return Ok(());
    }
    let mut out = table::bare();
    let heading = ["files", "lines", "tokens"].into_iter().map(table::figure);
    out.set_header(std::iter::once(comfy_table::Cell::new(title)).chain(heading));
    for share in shares {
        let cells = [share.files, share.lines, share.tokens].map(|n| table::figure(thousands(n)));
        out.add_row(std::iter::once(table::text(&share.name)).chain(cells));
    }
    table::print(&out)
}

/// Prints the decisions, one a line. Changes of prefetch rules are many and share one line. The report of a run in
/// virtual time uses it too.
pub(crate) fn decisions(all: &[Decision], rules: &[RulesChanged]) -> Result<(), Failure> {
    if all.is_empty() && rules.is_empty() {
        outln!()?;
        outln!("no decision: no strategy proposed a change that was applied")?;
        return Ok(());
    }
    outln!()?;
    outln!("decisions")?;
    let change = |decision: &Decision| {
        format!("{} -> {}", value(decision.dial, &decision.from), value(decision.dial, &decision.to))
    };
    let lengths = all.iter().take(DECISIONS).map(|decision| change(decision).chars().count());
    let width = lengths.filter(|&length| length <= WIDEST_CHANGE).fold(LEAST_CHANGE, usize::max);
    // Where the texts beside a change begin: after the time, the dial and the change.
    let indent = 28 + width;
    for decision in all.iter().take(DECISIONS) {
        let mut reason: String = decision.reason.chars().take(REASON).collect();
        if decision.reason.chars().nth(REASON).is_some() {
            reason.push('…');
        }
        let change = change(decision);
        let (at, dial) = (seconds(decision.at_ms), decision.dial.name());
        if change.chars().count() > width {
            // A policy with parameters has a long name: the reason has a line of its own.
            outln!("  {at:>6.2} s  {dial:14} {change}")?;
            outln!("{:indent$}{reason}", "")?;
        } else {
            outln!("  {at:>6.2} s  {dial:14} {change:width$} {reason}")?;
        }
        if let Some(effect) = decision.effect.as_ref().map(effect) {
            outln!("{:indent$}{effect}", "")?;
        }
    }
    if all.len() > DECISIONS {
        outln!("  and {} more; --ledger FILE keeps them all", all.len() - DECISIONS)?;
    }
    let lost =
        |decision: &&Decision| decision.effect.as_ref().is_some_and(|effect| effect.verdict == Found::Worse);
    match all.iter().filter(lost).count() {
        0 => {}
        1 => outln!("  one decision was worse than what it left, and the host has undone it")?,
        n => outln!("  {n} decisions were worse than what they left, and the host has undone them")?,
    }
    if let (Some(first), Some(last)) = (rules.first(), rules.last()) {
        let change = format!("{} -> {}", first.from, last.to);
        let name = "prefetch-rules";
        let changes = match rules.len() {
            1 => "in one change".to_owned(),
            n => format!("in {n} changes"),
        };
        outln!("  {:>6.2} s  {name:14} {change:width$} {changes}: {}", seconds(first.at_ms), last.reason)?;
    }
    Ok(())
}

/// A value of a dial, with its unit where that is bytes.
pub(super) fn value(dial: Dial, value: &Value) -> String {
    let unit = host_contract::Dials::built_in().get(dial).map(|spec| spec.unit);
    match (unit, value) {
        (Some("bytes"), Value::Count(bytes)) => Bytes(*bytes).to_string(),
        (_, value) => value.to_string(),
    }
}

fn effect(effect: &Effect) -> String {
    let figure = |ratio: f64| match effect.metric {
        "hit-ratio" => percent(ratio),
        "latency-mean" => micros(ratio),
        _ => format!("{ratio:.0} /s"),
    };
    let window = match effect.window_ticks {
        _ if effect.pairs > 0 => String::new(),
        0 => "until the end ".to_owned(),
        1 => "in the next tick ".to_owned(),
        ticks => format!("in the next {ticks} ticks "),
    };
    let verdict = match effect.verdict {
        // The basis says why.
        Found::NotTested => String::new(),
        verdict => format!("{}: ", verdict.name()),
    };
    let other = match effect.counterfactual {
        Some(other) => format!("{} {}", effect.basis, figure(other)),
        None => effect.basis.clone(),
    };
    let sure = match effect.confidence {
        Some(sure) if matches!(effect.verdict, Found::Better | Found::Worse) => {
            format!(" ({:.1} % sure)", sure * 100.0)
        }
        _ => String::new(),
    };
    format!("{verdict}{window}{}; {other}{sure}", figure(effect.measured))
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

fn cost(cost: &Cost) -> Result<(), Failure> {
    if cost.ticks == 0 {
        return Ok(());
    }
    outln!()?;
    outln!(
        "cost of tuning: {:.2} % of the machine's CPU, {:.1} % of the CPU time of the run ({:.0} ms in {} ticks)",
        cost.machine_share * 100.0,
        cost.process_share * 100.0,
        cost.cpu_seconds * 1_000.0,
        cost.ticks
    )?;
    Ok(())
}
