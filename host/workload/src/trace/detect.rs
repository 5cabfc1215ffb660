//! Tells a trace's format from its first bytes.
//!
//! A trace read in the wrong format gives plausible and wrong numbers. So a file has a format only where its whole
//! beginning fits; elsewhere the user has to name it. Text with spaces or commas in it, JSON for instance, fits none.

use std::path::Path;

use super::excerpt::excerpt;
use super::format::Format;
use super::input::Input;
use super::keys::{KeyEncoder, KeyForm, Sink};
use super::{Decode, Options, csv, lis, mooncake, msr, oracle, recording, twitter, vscsi};
use crate::key;

/// Lines that are looked at.
const LINES: usize = 200;

/// The format of a file whose name does not decide; else how it begins.
pub(super) fn by_content(path: &Path, input: &Input, options: &Options) -> Result<Format, String> {
    let head = input.available();
    let undecided = || excerpt(head.split(|&byte| byte == b'\n').next().unwrap_or(head));
    if recording::plausible(head) {
        return Ok(Format::Recording);
    }
    if head.contains(&0) {
        // The version in each record of the first says more than the plausible figures of the other.
        return if vscsi::plausible(input) {
            Ok(Format::Vscsi)
        } else if oracle::plausible(head) {
            Ok(Format::OracleGeneral)
        } else {
            Err(undecided())
        };
    }
    from_lines(path, &lines(input), options).ok_or_else(undecided)
}

/// The format of a file that is named as comma-separated values: the name fits those without a header too.
pub(super) fn by_first_row(input: &Input, options: &Options) -> Format {
    lines(input).first().and_then(|row| without_header(row, options)).unwrap_or(Format::Csv)
}

/// The first lines that are whole and say something.
fn lines(input: &Input) -> Vec<&[u8]> {
    let head = input.available();
    let mut head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    if !input.ended() {
        // What follows the last line end may be half a line.
        let whole = head.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        head = head.get(..whole).unwrap_or_default();
    }
    head.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .take(LINES)
        .collect()
}

/// The format whose rows have neither header nor marks, but a form that no other has. The first row decides, so that
/// damage further on is reported as such.
fn without_header(row: &[u8], options: &Options) -> Option<Format> {
    if options.key_column.is_some() || options.size_column.is_some() {
        // Who names a column means a file with a header.
        return None;
    }
    let reads = |mut decoder: Box<dyn Decode>| {
        let mut input = Input::new(Box::new(std::io::Cursor::new(row.to_vec())));
        let (mut out, mut keys) = (Vec::new(), KeyEncoder::new(KeyForm::Hashed));
        decoder.decode(&mut input, &mut Sink::new(&mut out, 1, &mut keys)).is_ok()
    };
    if reads(Box::new(msr::Msr::new())) {
        Some(Format::Msr)
    } else if reads(Box::new(twitter::Twitter::new())) {
        Some(Format::Twitter)
    } else {
        None
    }
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
        return mooncake::is_line(first).then_some(Format::Mooncake);
    }
    if let Some(format) = without_header(first, options) {
        return Some(format);
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
