//! Miss-ratio curves as a table: capacities down, policies across, and a line of each below.

use std::io::Write as _;

use host_simulator::Row;

use super::grid::{Grid, Line};
use super::sparkline::{Ink, sparkline};
use super::{simulation, table};
use crate::exit::Failure;

/// Prints the curves.
pub(crate) fn print(grid: &Grid<'_>, sizes: bool) -> Result<(), Failure> {
    let mut out = crate::out::stdout();
    writeln!(out, "{}", simulation::headline(grid.simulation))?;
    let kind = if sizes { ", by object" } else { "" };
    writeln!(out, "miss ratio in percent{kind}; the cold start counts\n")?;
    ratios(grid, |row| Some(row.miss_ratio))?;
    if sizes {
        writeln!(out, "\nby byte\n")?;
        ratios(grid, |row| row.byte_miss_ratio)?;
    }
    writeln!(out)?;
    summary(grid, sizes)
}

fn ratios(grid: &Grid<'_>, of: impl Fn(&Row) -> Option<f64> + Copy) -> Result<(), Failure> {
    let mut out = table::bare();
    let in_bytes = grid.columns.iter().any(|column| column.in_bytes);
    let share = if in_bytes { "OF ALL BYTES" } else { "OF ALL KEYS" };
    let mut header = vec![table::figure("CAPACITY"), table::figure(share)];
    header.extend(grid.lines.iter().map(|line| table::figure(line.method.to_string())));
    out.set_header(header);
    for (at, column) in grid.columns.iter().enumerate() {
        let mut cells = vec![
            table::figure(column.amount()),
            table::figure(format!("{:.2} %", grid.share(column) * 100.0)),
        ];
        let value = |line: &Line<'_>| line.rows.get(at).copied().flatten().and_then(of);
        cells.extend(grid.lines.iter().map(|line| table::percentage(value(line))));
        out.add_row(cells);
    }
    table::print(&out)
}

fn summary(grid: &Grid<'_>, sizes: bool) -> Result<(), Failure> {
    let mut out = table::bare();
    let mut header =
        vec![comfy_table::Cell::new("POLICY"), comfy_table::Cell::new("CURVE"), table::figure("MEAN")];
    if sizes {
        header.push(table::figure("BY BYTE"));
    }
    out.set_header(header);
    let ink = Ink::of_terminal();
    for line in &grid.lines {
        let objects = line.values(|row| Some(row.miss_ratio));
        let mut cells = vec![
            comfy_table::Cell::new(line.method.to_string()),
            comfy_table::Cell::new(sparkline(ink, objects.iter().copied(), 1.0)),
            table::percentage(mean(&objects)),
        ];
        if sizes {
            cells.push(table::percentage(mean(&line.values(|row| row.byte_miss_ratio))));
        }
        out.add_row(cells);
    }
    table::print(&out)
}

/// The mean over the capacities, each counting the same; none where one is missing.
fn mean(values: &[Option<f64>]) -> Option<f64> {
    let count = u32::try_from(values.len()).ok().filter(|count| *count > 0)?;
    let sum: f64 = values.iter().copied().sum::<Option<f64>>()?;
    Some(sum / f64::from(count))
}

#[cfg(test)]
mod tests {
    use super::mean;

    #[test]
    fn a_mean_needs_every_value() {
        assert_eq!(mean(&[Some(1.0), Some(0.0)]), Some(0.5));
        assert_eq!(mean(&[Some(1.0), None]), None);
        assert_eq!(mean(&[]), None);
    }
}
