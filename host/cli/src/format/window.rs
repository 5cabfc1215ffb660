//! Hit ratio over time: windows down, policies across, and a line of each below.

use std::io::Write as _;
use std::num::NonZeroU64;

use host_simulator::{Row, Window};

use super::grid::Grid;
use super::sparkline::{Ink, sparkline};
use super::{simulation, table, thousands};
use crate::exit::Failure;

/// A line of so many characters fits 80 columns with its name and three figures.
const LINE: usize = 42;

/// Prints the windows of a simulation of one capacity.
pub(crate) fn print(grid: &Grid<'_>, length: NonZeroU64, sizes: bool) -> Result<(), Failure> {
    let mut out = crate::out::stdout();
    writeln!(out, "{}", simulation::headline(grid.simulation))?;
    let capacity = grid.columns.first().map_or_else(String::new, super::grid::Column::heading);
    let length = thousands(length.get());
    writeln!(out, "hit ratio in percent per {length} requests; capacity {capacity}\n")?;
    windows(grid)?;
    writeln!(out)?;
    summary(grid, sizes)
}

fn windows(grid: &Grid<'_>) -> Result<(), Failure> {
    let mut out = table::bare();
    let header = std::iter::once("FROM".to_owned()).chain(grid.lines.iter().map(|l| l.method.to_string()));
    out.set_header(header.map(table::figure));
    let rows: Vec<Option<&Row>> =
        grid.lines.iter().map(|line| line.rows.first().copied().flatten()).collect();
    let starts = rows.iter().flatten().map(|row| row.windows.as_slice()).max_by_key(|windows| windows.len());
    for (at, start) in starts.unwrap_or_default().iter().enumerate() {
        let ratios = rows.iter().map(|row| row.and_then(|row| row.windows.get(at)).map(ratio));
        let first = table::figure(thousands(start.first));
        out.add_row(std::iter::once(first).chain(ratios.map(table::percentage)));
    }
    table::print(&out)
}

fn summary(grid: &Grid<'_>, sizes: bool) -> Result<(), Failure> {
    let rows: Vec<(String, Option<&Row>)> = grid
        .lines
        .iter()
        .map(|line| (line.method.to_string(), line.rows.first().copied().flatten()))
        .collect();
    let lines: Vec<Vec<f64>> =
        rows.iter().map(|(_, row)| row.map_or_else(Vec::new, |row| over_time(row, LINE))).collect();
    let top = lines.iter().flatten().copied().fold(0.0, f64::max);
    let mut out = table::bare();
    let mut header = vec![comfy_table::Cell::new("POLICY")];
    header.push(comfy_table::Cell::new(format!("0 TO {:.0} %", top * 100.0)));
    header.extend(["LOW", "HIGH", "WHOLE"].map(table::figure));
    if sizes {
        header.push(table::figure("BY BYTE"));
    }
    out.set_header(header);
    let ink = Ink::of_terminal();
    for ((name, row), line) in rows.iter().zip(&lines) {
        let windows = || row.iter().flat_map(|row| &row.windows).map(ratio);
        let mut cells = vec![
            comfy_table::Cell::new(name),
            comfy_table::Cell::new(sparkline(ink, line.iter().copied().map(Some), top)),
            table::percentage(windows().reduce(f64::min)),
            table::percentage(windows().reduce(f64::max)),
            table::percentage(row.map(|row| 1.0 - row.miss_ratio)),
        ];
        if sizes {
            cells.push(table::percentage(row.and_then(|row| row.byte_miss_ratio).map(|miss| 1.0 - miss)));
        }
        out.add_row(cells);
    }
    table::print(&out)
}

/// One line a policy and window.
pub(crate) fn csv(grid: &Grid<'_>) -> Result<(), Failure> {
    let mut out = crate::out::stdout();
    writeln!(out, "policy,capacity,first,requests,hits,hit_ratio")?;
    for row in grid.rows() {
        for window in &row.windows {
            let Window { first, requests, hits } = window;
            writeln!(out, "{},{},{first},{requests},{hits},{:.6}", row.policy, row.capacity, ratio(window))?;
        }
    }
    Ok(())
}

/// Hit ratios of at most `most` parts of equally many windows each.
fn over_time(row: &Row, most: usize) -> Vec<f64> {
    merged(&row.windows, most).iter().map(ratio).collect()
}

/// Neighbouring windows made one, as many each as it takes to have at most `most`.
pub(crate) fn merged(windows: &[Window], most: usize) -> Vec<Window> {
    let together = windows.len().div_ceil(most.max(1)).max(1);
    let merge = |some: &[Window]| Window {
        first: some.first().map_or(0, |window| window.first),
        requests: some.iter().map(|window| window.requests).sum(),
        hits: some.iter().map(|window| window.hits).sum(),
    };
    windows.chunks(together).map(merge).collect()
}

/// Hits by requests.
pub(crate) fn ratio(window: &Window) -> f64 {
    host_contract::number::ratio(window.hits, window.requests).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merged_windows_lose_no_request() {
        let windows: Vec<Window> = (0..7).map(|n| Window { first: n * 10, requests: 10, hits: n }).collect();
        assert_eq!(merged(&windows, 7), windows);
        let three = merged(&windows, 3);
        assert_eq!(three.len(), 3);
        assert_eq!(three[1], Window { first: 30, requests: 30, hits: 12 });
        assert_eq!(three[2], Window { first: 60, requests: 10, hits: 6 });
        assert!(merged(&[], 3).is_empty());
    }
}
