//! A simulation as a table or as comma-separated values.

use std::io::Write as _;

use host_simulator::{Row, Simulation};

use super::grid::{Column, Grid};
use super::{table, thousands};
use crate::exit::Failure;
use crate::out::{self, escape};

/// What was simulated: the first line of every view.
pub(crate) fn headline(simulation: &Simulation) -> String {
    format!("{}: {}", escape(&simulation.trace), counts(simulation))
}

/// Requests and distinct keys.
pub(crate) fn counts(simulation: &Simulation) -> String {
    let (requests, distinct) = (thousands(simulation.requests), thousands(simulation.distinct));
    let about = if simulation.distinct_estimated { "about " } else { "" };
    format!("{requests} requests, {about}{distinct} distinct keys")
}

/// Policies down, capacities across: hit ratios, since that is what one compares.
pub(crate) fn table(grid: &Grid<'_>, sizes: bool) -> Result<(), Failure> {
    let kind = if sizes { ", by object and by byte" } else { "" };
    let head = format!("{}\nhit ratio in percent{kind}; the cold start counts\n", headline(grid.simulation));
    writeln!(out::stdout(), "{head}")?;
    let mut out = table::bare();
    let mut header = vec![comfy_table::Cell::new("POLICY")];
    for heading in grid.columns.iter().map(Column::heading) {
        header.push(table::figure(heading));
        if sizes {
            header.push(table::figure("BYTES"));
        }
    }
    out.set_header(header);
    let hit_ratio = |miss_ratio: Option<f64>| table::percentage(miss_ratio.map(|ratio| 1.0 - ratio));
    for line in &grid.lines {
        let mut cells = vec![comfy_table::Cell::new(line.method.to_string())];
        for row in &line.rows {
            cells.push(hit_ratio(row.map(|row| row.miss_ratio)));
            if sizes {
                cells.push(hit_ratio(row.and_then(|row| row.byte_miss_ratio)));
            }
        }
        out.add_row(cells);
    }
    table::print(&out)
}

/// One line a row, with the columns of the JSON.
pub(crate) fn csv(grid: &Grid<'_>, sizes: bool) -> Result<(), Failure> {
    let mut out = out::stdout();
    let byte_column = if sizes { ",byte_miss_ratio" } else { "" };
    writeln!(out, "policy,capacity,requests,misses,miss_ratio{byte_column},seconds")?;
    for row in grid.rows() {
        let Row { policy, capacity, requests, misses, miss_ratio, seconds, .. } = row;
        let bytes = row.byte_miss_ratio.map_or_else(String::new, |ratio| format!(",{ratio:.6}"));
        writeln!(out, "{policy},{capacity},{requests},{misses},{miss_ratio:.6}{bytes},{seconds:.6}")?;
    }
    Ok(())
}
