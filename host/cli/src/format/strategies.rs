//! The table of the strategies of a run: where each stands at the end, what happened to those that failed, and what those in
//! shadow mode would have done.

use std::collections::BTreeMap;

use host_contract::{Dial, Value};
use host_control::Status;
use host_control::effect::Found;
use host_control::judge::estimate::Estimated;
use host_control::registration::Cost;
use host_control::shadowed::ShadowReport;
use host_control::supervisor::State;

use super::{percent, report, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Events shown of a strategy; the ledger has them all.
const EVENTS: usize = 4;

/// Prints the table and the events; nothing where there are no strategies.
pub(crate) fn print(all: &[Status], costs: &BTreeMap<String, Cost>) -> Result<(), Failure> {
    if all.is_empty() {
        return Ok(());
    }
    outln!()?;
    let mut out = table::bare();
    let mut heading = vec![comfy_table::Cell::new("strategies"), comfy_table::Cell::new("state")];
    heading.extend(["ticks", "accepted", "clamped", "refused", "restarts"].map(table::figure));
    out.set_header(heading);
    for status in all {
        let cost = costs.get(&status.strategy).cloned().unwrap_or_default();
        let mut cells = vec![table::text(&status.strategy), table::text(&state(status))];
        let figures = [cost.ticks, cost.accepted, cost.clamped, cost.refused, status.restarts];
        cells.extend(figures.map(|figure| table::figure(thousands(figure))));
        out.add_row(cells);
    }
    table::print(&out)?;
    for status in all {
        events(status)?;
        if let Some(shadow) = &status.shadow {
            shadowed(&status.strategy, shadow)?;
        }
    }
    Ok(())
}

/// The state, as a cell.
fn state(status: &Status) -> String {
    let state = match status.state {
        State::BackingOff { until } => format!("backing off until tick {until}"),
        state => state.name().to_owned(),
    };
    if status.shadow.is_some() { format!("{state}, in shadow mode") } else { state }
}

/// What happened to a strategy, the last of it, a line each.
fn events(status: &Status) -> Result<(), Failure> {
    let left_out = status.events.len().saturating_sub(EVENTS);
    if left_out > 0 {
        outln!("  {}: {left_out} events before these; --ledger FILE keeps them all", status.strategy)?;
    }
    for event in status.events.iter().skip(left_out) {
        outln!("  {}, {event}", status.strategy)?;
    }
    Ok(())
}

/// What a strategy in shadow mode would have done, how that is judged, and how it is promoted.
fn shadowed(name: &str, shadow: &ShadowReport) -> Result<(), Failure> {
    let changes = match shadow.changes.saturating_add(shadow.rule_changes) {
        0 => "no change".to_owned(),
        1 => "1 change".to_owned(),
        changes => format!("{} changes", thousands(changes)),
    };
    let wanted = |(dial, value): (&Dial, &Value)| format!("{dial} {}", report::value(*dial, value));
    let mut wanted: Vec<String> = shadow.wanted.iter().map(wanted).collect();
    if shadow.rule_changes > 0 {
        wanted.push(format!("{} prefetch rules", thousands(shadow.rules)));
    }
    let last = if wanted.is_empty() {
        String::new()
    } else {
        format!("; the last it wanted: {}", wanted.join(", "))
    };
    outln!("  {name}, in shadow mode: it would have made {changes}{last}")?;
    if let Some(estimated) = &shadow.estimated {
        outln!("    {}", told(estimated))?;
    }
    for not_judged in &shadow.not_judged {
        outln!("    not judged: {not_judged}")?;
    }
    if shadow.estimated.is_none() {
        outln!("    nothing could be judged: whether it would have helped is not known")?;
    }
    let so = match shadow.estimated.as_ref().map(|estimated| estimated.verdict) {
        Some(Found::Better) => "it would have helped; to let it decide",
        Some(Found::Worse) => "it would have done harm; to let it decide all the same",
        _ => "to let it decide",
    };
    outln!("    {so}: {}", shadow.promote)?;
    Ok(())
}

/// What the shadows say, in words.
fn told(estimated: &Estimated) -> String {
    let Estimated { ticks, compared, hit_ratio, in_force_hit_ratio, standard_errors, verdict, .. } =
        estimated;
    format!(
        "by the shadows {}: {} hits under what it wanted, {} under what was in force ({standard_errors:+.1} standard \
         errors, in {} of {} ticks)",
        verdict.name(),
        percent(*hit_ratio),
        percent(*in_force_hit_ratio),
        thousands(*compared),
        thousands(*ticks)
    )
}
