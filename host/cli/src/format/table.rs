//! Plain tables: aligned columns, no frames.

use std::io::Write as _;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

use crate::exit::Failure;
use crate::out::{self, escape};

/// A table with these headings.
pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = bare();
    table.set_header(headings);
    table
}

/// A table without headings yet.
pub(crate) fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table
}

/// A cell that shows a text from outside.
pub(crate) fn text(text: &str) -> Cell {
    Cell::new(escape(text))
}

/// A cell that is a figure.
pub(crate) fn figure(text: impl Into<String>) -> Cell {
    Cell::new(text.into()).set_alignment(CellAlignment::Right)
}

/// A share from 0 to 1 in percent with two decimals; a dash where there is none.
pub(crate) fn percentage(share: Option<f64>) -> Cell {
    figure(share.map_or_else(|| "-".to_owned(), |share| format!("{:.2}", share * 100.0)))
}

/// Prints a table without the blanks that would end its lines.
pub(crate) fn print(table: &Table) -> Result<(), Failure> {
    let mut out = out::stdout();
    let mut table = table.clone();
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}
