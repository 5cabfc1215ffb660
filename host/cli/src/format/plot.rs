//! Simulations as charts.

use std::num::NonZeroU64;
use std::path::Path;

use host_simulator::{Method, Row, Simulation};

use super::grid::Grid;
use super::{simulation, thousands, window};
use host_plot::{Chart, Line, Panel, Role, Scale, Unit};

/// More windows than this are drawn together: a window should be more than a pixel wide.
const WINDOWS: usize = 400;
/// Most characters of a title; a longer one does not fit the chart.
const TITLE: usize = 70;

/// Miss-ratio curves, with the limit below which no policy gets; by byte in a panel of its own.
pub(crate) fn curves(grid: &Grid<'_>, sizes: bool) -> Chart {
    let in_bytes = grid.columns.iter().any(|column| column.in_bytes);
    let (x_label, unit) =
        if in_bytes { ("capacity", Unit::Bytes) } else { ("capacity, objects", Unit::Count) };
    let panel = |y_label: &str, of: fn(&Row) -> Option<f64>| Panel {
        x_label: x_label.to_owned(),
        y_label: y_label.to_owned(),
        x: Scale::Log(unit),
        x_reaches: Vec::new(),
        lines: grid.lines.iter().map(|line| curve(grid, line, of)).collect(),
    };
    let mut panels = Vec::new();
    if sizes {
        panels.push(panel("miss ratio by object, %", |row| Some(row.miss_ratio)));
        panels.push(panel("miss ratio by byte, %", |row| row.byte_miss_ratio));
    } else {
        panels.push(panel("miss ratio, %", |row| Some(row.miss_ratio)));
    }
    let subtitle = format!("{}; the cold start counts", simulation::counts(grid.simulation));
    Chart { title: title(grid.simulation), subtitle, panels }
}

fn curve(grid: &Grid<'_>, line: &super::grid::Line<'_>, of: fn(&Row) -> Option<f64>) -> Line {
    let points = grid.columns.iter().zip(line.values(of));
    // A curve has no point where the simulation was ended before.
    let points = points.filter_map(|(column, ratio)| Some((column.position(), ratio?))).collect();
    let (name, role) = match &line.method {
        Method::Policy(policy) => (policy.to_string(), Role::Policy),
        Method::Belady => ("belady (limit)".to_owned(), Role::Limit),
    };
    Line { name, role, points }
}

/// Hit ratio over time at one capacity.
pub(crate) fn windows(grid: &Grid<'_>, length: NonZeroU64) -> Chart {
    let mut per = length.get();
    let mut lines = Vec::new();
    for line in &grid.lines {
        let Some(row) = line.rows.first().copied().flatten() else { continue };
        let merged = window::merged(&row.windows, WINDOWS);
        per = merged.first().map_or(per, |window| window.requests.max(per));
        let middle = |first: u64, requests: u64| super::float(first) + super::float(requests) / 2.0;
        let point = |w: &host_simulator::Window| (middle(w.first, w.requests), window::ratio(w));
        // The optimum is one of the whole trace: in a window a policy may do better.
        let role = if line.method == Method::Belady { Role::Reference } else { Role::Policy };
        lines.push(Line { name: line.method.to_string(), role, points: merged.iter().map(point).collect() });
    }
    let capacity = grid.columns.first().map_or_else(String::new, super::grid::Column::heading);
    Chart {
        title: title(grid.simulation),
        subtitle: format!("{}; capacity {capacity}", simulation::counts(grid.simulation)),
        panels: vec![Panel {
            x_label: "request".to_owned(),
            y_label: format!("hit ratio per {} requests, %", thousands(per)),
            x: Scale::Linear,
            x_reaches: vec![0.0, super::float(grid.simulation.requests)],
            lines,
        }],
    }
}

/// The name of the trace, without its directories and without characters that XML does not allow.
fn title(simulation: &Simulation) -> String {
    let path = Path::new(&simulation.trace);
    let name = path.file_name().map_or_else(|| simulation.trace.as_str().into(), |n| n.to_string_lossy());
    let name: String = name.chars().filter(|letter| !letter.is_control()).collect();
    if name.chars().count() <= TITLE {
        return name;
    }
    name.chars().take(TITLE - 1).chain(['…']).collect()
}
