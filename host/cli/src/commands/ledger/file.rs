//! The lines of a ledger, for whoever reads something out of them.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use crate::commands::announce_waiting;
use crate::exit::Failure;

/// Bytes of a line that are read: a tick's picture of a large host has some 100 kB.
const LONGEST: u64 = 16 << 20;

/// Reads what `parse` makes of each line into `lines`, up to the first that is broken. `parse` says in words what is wrong with
/// one.
///
/// # Errors
/// The file cannot be read, is empty, or has a broken line: what was read before is in `lines`.
pub(crate) fn read<T>(
    file: &Path,
    lines: &mut Vec<T>,
    mut parse: impl FnMut(&[u8]) -> Result<Option<T>, String>,
) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| format!("{}: cannot be read: {error}", file.display());
    if std::fs::metadata(file).map_err(unreadable)?.is_dir() {
        return Err(format!("{}: is a folder, expected a ledger", file.display()).into());
    }
    announce_waiting(file);
    let mut from = BufReader::new(File::open(file).map_err(unreadable)?);
    let (mut text, mut empty) = (Vec::new(), true);
    for number in 1_u64.. {
        text.clear();
        let taken = from.by_ref().take(LONGEST).read_until(b'\n', &mut text).map_err(unreadable)?;
        if taken == 0 {
            break;
        }
        let whole = text.ends_with(b"\n");
        let line = parse(text.trim_ascii_end()).map_err(|reason| {
            let advice = match whole {
                true => "expected one JSON object a line, as `host run --ledger` writes it",
                false => "the file ends within it: the run that wrote it was ended, or the disk was full",
            };
            format!("{}:{number}: not a record of a ledger: {reason}; {advice}", file.display())
        })?;
        empty = false;
        lines.extend(line);
    }
    if empty {
        return Err(format!(
            "{}: is empty, expected a ledger as `host run --ledger` writes it",
            file.display()
        )
        .into());
    }
    Ok(())
}
