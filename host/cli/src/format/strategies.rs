//! The table of the strategies of a run: where each stands at the end, and what happened to those that failed.

use std::collections::BTreeMap;

use host_control::Status;
use host_control::registration::Cost;
use host_control::supervisor::State;

use super::{table, thousands};
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
    }
    Ok(())
}

/// The state, as a cell.
fn state(status: &Status) -> String {
    match status.state {
        State::BackingOff { until } => format!("backing off until tick {until}"),
        state => state.name().to_owned(),
    }
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
