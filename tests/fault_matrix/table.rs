//! The matrix as a table.

use super::expected::Row;

/// The table, aligned. What is said after a reload has a row of its own where it is something else.
pub(crate) fn of(rows: &[Row]) -> String {
    let head = ["fault", "what the host says", "`host sim`", "`host run`", "hot reload"];
    let mut lines = vec![head.map(str::to_owned)];
    for (number, row) in rows.iter().enumerate() {
        let [sim, run, reload] = row.kind.ends().map(str::to_owned);
        let fault = row.fault.to_owned();
        let text = short(row.text);
        lines.push([fault, text, sim, run, reload]);
        // Once for those that follow each other.
        let next = rows.get(number + 1).and_then(|next| next.reloaded);
        if let Some(reloaded) = row.reloaded.filter(|_| next != row.reloaded) {
            let empty = String::new;
            lines.push(["... after a reload".to_owned(), short(reloaded), empty(), empty(), empty()]);
        }
    }
    let widths: Vec<usize> = (0..head.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap())
        .collect();
    let mut table = String::new();
    for (number, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            table.push_str(&format!("| {cell:width$} "));
        }
        table.push_str("|\n");
        if number == 0 {
            for width in &widths {
                table.push_str(&format!("|{}", "-".repeat(width + 2)));
            }
            table.push_str("|\n");
        }
    }
    table
}

/// The first of a text, without what stands for anything at its begin.
fn short(text: &str) -> String {
    const MOST: usize = 110;
    let text = text.trim_start_matches("...").trim_end();
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((at, _)) => {
            let cut = &text[..at];
            format!("{} ...", cut.rsplit_once(' ').map_or(cut, |(before, _)| before))
        }
    }
}
