//! The report of a scenario of a pool.

use comfy_table::Cell;
use host_runtime::{BestFixed, Figures, ScenarioReport};
use host_scenario::PoolKind;

use super::virtual_run::fuel;
use super::{micros, report, table, thousands};
use crate::exit::Failure;
use crate::out::outln;

/// Prints the report. Nothing in it depends on the machine: the same command gives the same bytes.
pub(crate) fn print(run: &ScenarioReport) -> Result<(), Failure> {
    let pool = match run.pool {
        PoolKind::Io => "IO",
        PoolKind::Cpu => "CPU",
    };
    outln!("{}: {}", run.scenario, run.summary)?;
    outln!(
        "{} ticks of {} ms, {pool} pool from {} workers, profile {}, seed {}",
        thousands(run.whole.ticks),
        run.tick_ms,
        run.started,
        run.profile,
        run.seed
    )?;
    outln!()?;
    phases(run)?;
    if let Some(best) = run.best.as_ref().filter(|best| !best.tried.is_empty()) {
        outln!()?;
        tried(best)?;
    }
    report::decisions(&run.decisions, &[])?;
    super::strategies::print(&run.strategies, &run.cost.strategies)?;
    fuel(&run.cost.strategies, run.whole.ticks)?;
    for note in &run.notes {
        outln!("note: {note}")?;
    }
    Ok(())
}

/// Each phase, and the whole, beside the fixed number of workers.
fn phases(run: &ScenarioReport) -> Result<(), Failure> {
    let mut header = vec![Cell::new("PHASE")];
    header.extend(["GOODPUT/S", "P50", "P99", "WORKERS", "LAST", "FAILED", "LOST"].map(table::figure));
    if let Some(best) = &run.best {
        header.push(table::figure(format!("FIXED AT {}: GOODPUT/S", best.workers)));
        header.extend(["P99", "OF ITS GOODPUT %"].map(table::figure));
    }
    let mut out = table::bare();
    out.set_header(header);
    let row = |name: &str, figures: &Figures, beside: Option<&Figures>| {
        let mut cells = vec![table::text(name), table::figure(format!("{:.1}", figures.goodput))];
        cells.extend([
            table::figure(micros(figures.p50_us)),
            table::figure(micros(figures.p99_us)),
            table::figure(format!("{:.1}", figures.workers_mean)),
            table::figure(figures.workers_last.to_string()),
            table::figure(thousands(figures.failed)),
            table::figure(thousands(figures.lost)),
        ]);
        if let Some(beside) = beside {
            cells.push(table::figure(format!("{:.1}", beside.goodput)));
            cells.push(table::figure(micros(beside.p99_us)));
            cells.push(table::percentage((beside.goodput > 0.0).then(|| figures.goodput / beside.goodput)));
        }
        cells
    };
    for (at, phase) in run.phases.iter().enumerate() {
        let beside = run.best.as_ref().and_then(|best| best.phases.get(at)).map(|phase| &phase.whole);
        out.add_row(row(&phase.name, &phase.whole, beside));
    }
    out.add_row(row("the whole", &run.whole, run.best.as_ref().map(|best| &best.whole)));
    table::print(&out)
}

fn tried(best: &BestFixed) -> Result<(), Failure> {
    let mut out = table::bare();
    out.set_header(["FIXED WORKERS", "GOODPUT/S", "P99"].map(table::figure));
    for tried in &best.tried {
        let mark = if tried.workers == best.workers { "best" } else { "" };
        out.add_row([
            table::figure(tried.workers.to_string()),
            table::figure(format!("{:.1}", tried.goodput)),
            table::figure(micros(tried.p99_us)),
            Cell::new(mark),
        ]);
    }
    table::print(&out)
}
