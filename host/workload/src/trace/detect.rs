//! Tells a trace's format from its first bytes.
//!
//! It errs towards asking: a file is taken for a format only where its whole beginning fits, since a trace read in the
//! wrong format gives plausible and wrong numbers. Text with spaces or commas in it, JSON for instance, is none.

use std::path::Path;

use super::error::excerpt;
use super::format::Format;
use super::input::Input;
use super::{Options, csv, lis, oracle};
use crate::key;

/// Lines that are looked at.
const LINES: usize = 200;

/// The format of a file whose name does not decide; else how it begins.
pub(super) fn by_content(path: &Path, input: &Input, options: &Options) -> Result<Format, String> {
    let head = input.available();
    let undecided = || excerpt(head.split(|&byte| byte == b'\n').next().unwrap_or(head));
    if head.contains(&0) {
        return if oracle::plausible(head) { Ok(Format::OracleGeneral) } else { Err(undecided()) };
    }
    let mut head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if !input.ended() {
        // What follows the last line end may be half a line.
        let whole = head.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        head = head.get(..whole).unwrap_or_default();
    }
    let lines: Vec<&[u8]> = head
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .take(LINES)
        .collect();
    from_lines(path, &lines, options).ok_or_else(undecided)
}

fn from_lines(path: &Path, lines: &[&[u8]], options: &Options) -> Option<Format> {
    let first = *lines.first()?;
    let all = |fits: fn(&[u8]) -> bool| lines.iter().all(|line| fits(line));
    if all(|line| lis::range(line).is_some()) {
        return Some(Format::Lis);
    }
    if all(|line| line == b"*" || key::number(line).is_some()) {
        // Without a checkpoint so far the two read the same; in a `.trace` one may still come.
        let lirs = lines.contains(&&b"*"[..]) || named_trace(path);
        return Some(if lirs { Format::Lirs } else { Format::Plain });
    }
    if first.starts_with(b"{") || first.starts_with(b"[") {
        return None;
    }
    if header(first, options) {
        return Some(Format::Csv);
    }
    let one_word = |line: &[u8]| {
        std::str::from_utf8(line)
            .is_ok_and(|line| !line.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control()))
    };
    lines.iter().all(|line| one_word(line)).then_some(Format::Plain)
}

/// Whether a line is the header of a CSV trace. A single column is one only by the name that was asked for, since any
/// word could be a plain key.
fn header(line: &[u8], options: &Options) -> bool {
    let Ok(line) = std::str::from_utf8(line) else { return false };
    let columns: Vec<&str> = line.split(',').map(|column| column.trim().trim_matches('"')).collect();
    if options.key_column.as_ref().is_some_and(|name| columns.iter().any(|c| c.eq_ignore_ascii_case(name))) {
        return true;
    }
    // Words alone, some known or not: a header whose key column has another name gets the error that lists the columns.
    columns.len() > 1
        && columns.iter().all(|column| {
            let known = csv::KEY_COLUMNS.iter().any(|name| column.eq_ignore_ascii_case(name));
            known || (column.starts_with(char::is_alphabetic) && !column.contains(char::is_whitespace))
        })
}

fn named_trace(path: &Path) -> bool {
    path.file_name().is_some_and(|name| {
        let name = name.to_string_lossy().to_lowercase();
        name.split('.').skip(1).any(|part| part == "trace")
    })
}
