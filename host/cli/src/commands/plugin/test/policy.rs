//! An eviction policy beside others, in the simulator.

use std::sync::Arc;

use host_plugin::PolicyPlugin;
use host_simulator::{Capacity, MemoryLimit, Method, Options, builtin, simulate};
use host_workload::trace::TraceReader;
use serde::Serialize;

use super::{Test, gain, signed};
use crate::commands::sim::half_of_memory;
use crate::commands::{announce_waiting, print_json};
use crate::exit::{End, Failure};
use crate::format::grid::Grid;
use crate::format::{float, simulation, table, thousands};
use crate::interrupt::stop_on_ctrl_c;
use crate::out::outln;
use crate::policies::{Methods, policies};
use crate::progress::{Terminal, Watched};

/// What `--json` prints.
#[derive(Serialize)]
struct Tested {
    policy: String,
    trace: String,
    requests: u64,
    distinct: u64,
    rows: Vec<Row>,
}

/// One policy at one capacity.
#[derive(Serialize)]
struct Row {
    capacity: u64,
    policy: String,
    misses: u64,
    miss_ratio: f64,
    /// The share of its misses that the component saves; none in the component's own row.
    gain: Option<f64>,
}

pub(super) fn test(asked: &Test, plugin: PolicyPlugin, trace: &std::path::Path) -> Result<End, Failure> {
    let name = plugin.name().to_owned();
    let mut methods = vec![Method::Policy(Arc::new(plugin).factory(format!("plugin:{name}")))];
    methods.extend(against(asked, &name));
    let stop = stop_on_ctrl_c()?;
    announce_waiting(trace);
    let trace = TraceReader::open(trace, &asked.format.options())?;
    let options = Options { memory: MemoryLimit::Ask(half_of_memory), ..Options::default() };
    let observer = Watched { terminal: &Terminal::new(true), stop: &stop };
    let simulation = simulate(trace, &methods, &asked.capacity, &options, &observer)?;
    let grid = Grid::new(&simulation, &methods, &asked.capacity, false);
    if asked.json {
        let rows = rows(&grid).into_iter().flat_map(|(_, rows)| rows).collect();
        let (trace, requests, distinct) =
            (simulation.trace.clone(), simulation.requests, simulation.distinct);
        print_json(&Tested { policy: name, trace, requests, distinct, rows })?;
    } else {
        print(&grid)?;
    }
    Ok(if simulation.interrupted { End::Interrupted } else { End::Done })
}

/// What it is compared with: what was named; else the usual ones, and its native twin.
fn against(asked: &Test, name: &str) -> Vec<Method> {
    if !asked.against.is_empty() {
        return asked.against.iter().flat_map(|Methods(methods)| methods).cloned().collect();
    }
    let mut others = vec![Method::Policy(builtin::LRU), Method::Policy(builtin::ARC)];
    if let Ok(twin) = Method::named(name, &policies())
        && !others.contains(&twin)
    {
        others.push(twin);
    }
    others
}

/// By capacity: the component first, then the others.
fn rows(grid: &Grid<'_>) -> Vec<(String, Vec<Row>)> {
    let own = grid.lines.first();
    let mut all = Vec::new();
    for (at, column) in grid.columns.iter().enumerate() {
        let row = |line: &crate::format::grid::Line<'_>| line.rows.get(at).copied().flatten().cloned();
        let its = own.and_then(row);
        let rows = grid.lines.iter().enumerate().filter_map(|(number, line)| {
            let found = row(line)?;
            let gain = its.as_ref().filter(|_| number > 0).and_then(|its| gain(its.misses, found.misses));
            let (capacity, misses, miss_ratio) = (found.capacity, found.misses, found.miss_ratio);
            Some(Row { capacity, policy: line.method.to_string(), misses, miss_ratio, gain })
        });
        all.push((column.heading(), rows.collect()));
    }
    all
}

fn print(grid: &Grid<'_>) -> Result<(), Failure> {
    outln!("{}", simulation::headline(grid.simulation))?;
    outln!("gain: the share of that policy's misses that the component saves; the cold start counts")?;
    outln!()?;
    let mut out = table::bare();
    let heading = |text: &str| table::figure(text);
    out.set_header([
        comfy_table::Cell::new("CAPACITY"),
        comfy_table::Cell::new("POLICY"),
        heading("MISSES"),
        heading("HIT RATIO %"),
        heading("GAIN %"),
    ]);
    for (capacity, rows) in rows(grid) {
        for (at, row) in rows.iter().enumerate() {
            let gain = if at == 0 { String::new() } else { signed(row.gain) };
            out.add_row([
                table::text(if at == 0 { &capacity } else { "" }),
                table::text(&row.policy),
                table::figure(thousands(row.misses)),
                table::percentage(Some(1.0 - row.miss_ratio)),
                table::figure(gain),
            ]);
        }
    }
    table::print(&out)
}

/// A capacity as a heading of a strategy's table.
pub(super) fn heading(capacity: Capacity, resolved: u64, in_objects: bool) -> String {
    let amount = if in_objects { thousands(resolved) } else { host_profile::Bytes(resolved).to_string() };
    match capacity {
        Capacity::Percent(_) => format!("{capacity} = {amount}"),
        Capacity::Objects(_) | Capacity::Bytes(_) => amount,
    }
}

/// Hits of all requests, as a percentage.
pub(super) fn hit_ratio(misses: u64, requests: u64) -> Option<f64> {
    (requests > 0).then(|| 1.0 - float(misses) / float(requests))
}
