//! A simulation as a table or as comma-separated values.

use std::io::Write as _;

use host_runtime::sim::{Capacity, Method, Simulation};

use super::{table, thousands};
use crate::exit::Failure;

/// Policies down, capacities across: hit ratios, since that is what one compares.
pub(crate) fn table(
    simulation: &Simulation,
    methods: &[Method],
    capacities: &[Capacity],
) -> Result<(), Failure> {
    println!(
        "{}: {} requests, {} distinct keys",
        simulation.trace,
        thousands(simulation.requests),
        thousands(simulation.distinct)
    );
    println!("hit ratio in percent; the cold start counts\n");
    let mut out = table::bare();
    let heading = |capacity: &Capacity| {
        let amount = capacity.resolve(simulation.distinct);
        let text = match capacity {
            Capacity::Percent(_) => format!("{capacity} = {}", thousands(amount)),
            Capacity::Objects(_) => thousands(amount),
            Capacity::Bytes(_) => capacity.to_string(),
        };
        table::figure(text)
    };
    let first = comfy_table::Cell::new("POLICY");
    out.set_header(std::iter::once(first).chain(capacities.iter().map(heading)));
    let mut rows = simulation.rows.iter();
    for method in methods {
        let mut cells = vec![comfy_table::Cell::new(method.to_string())];
        for _ in capacities {
            // A replay that was not reached before Ctrl-C has no row.
            let text = rows
                .next()
                .map_or_else(|| "-".to_owned(), |r| format!("{:.2}", (1.0 - r.miss_ratio) * 100.0));
            cells.push(table::figure(text));
        }
        out.add_row(cells);
    }
    table::print(&out)
}

/// One line a row, with the columns of the JSON.
pub(crate) fn csv(simulation: &Simulation) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "policy,capacity,requests,misses,miss_ratio,seconds")?;
    for row in &simulation.rows {
        writeln!(
            out,
            "{},{},{},{},{:.6},{:.6}",
            row.policy, row.capacity, row.requests, row.misses, row.miss_ratio, row.seconds
        )?;
    }
    Ok(())
}
