//! The ledger on disk: one JSON object a line.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use host_control::ledger::Record;

/// Creates or empties a ledger file.
///
/// # Errors
/// What the system says.
pub(crate) fn create(path: &Path) -> std::io::Result<Box<dyn Write + Send>> {
    Ok(Box::new(BufWriter::new(File::create(path)?)))
}

/// Appends records.
pub(crate) fn write(to: &mut dyn Write, records: &[Record]) -> std::io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut *to, record)?;
        to.write_all(b"\n")?;
    }
    Ok(())
}
