//! Opens a trace file and decompresses it.
//!
//! Magic bytes tell the compression, so that a renamed file reads all the same. Both decompressors stream: a small file
//! that expands to terabytes costs time and no memory. Of several gzip members or zstd frames all are read.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::compression::Compression;
use super::error::TraceError;
use super::input::Input;

/// Whether a path is a pipe or the like, whose bytes are gone once they were read. What does not exist is none: opening it
/// gives the error.
#[must_use]
pub fn reads_once(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// Checks that a trace can be read so often.
///
/// # Errors
/// [`TraceError::OnlyOnce`]: it is a pipe or the like, and one reading does not suffice. Opening a pipe again waits for
/// whoever writes into it, as a rule for ever.
pub fn check_readings(path: &Path, times: u64) -> Result<(), TraceError> {
    if times > 1 && reads_once(path) {
        return Err(TraceError::OnlyOnce { path: path.to_owned(), times });
    }
    Ok(())
}

/// What the system says of opening or first reading `path`.
fn failed(path: &Path) -> impl Fn(io::Error) -> TraceError {
    move |source| match source.kind() {
        io::ErrorKind::NotFound => TraceError::NotFound { path: path.to_owned() },
        io::ErrorKind::IsADirectory => TraceError::Directory { path: path.to_owned() },
        _ => TraceError::Open { path: path.to_owned(), source },
    }
}

/// Opens the file.
pub(super) fn open(path: &Path) -> Result<File, TraceError> {
    let failed = failed(path);
    // Opening a directory succeeds on some systems and is refused as "permission denied" on others.
    if std::fs::metadata(path).map_err(&failed)?.is_dir() {
        return Err(TraceError::Directory { path: path.to_owned() });
    }
    File::open(path).map_err(failed)
}

/// Puts the right decompressor before the bytes of `path`.
pub(super) fn decompress(
    path: &Path,
    mut bytes: impl Read + Send + 'static,
) -> Result<(Input, Compression), TraceError> {
    let failed = failed(path);
    // Not seeking back keeps pipes readable.
    let mut magic = Vec::with_capacity(4);
    bytes.by_ref().take(4).read_to_end(&mut magic).map_err(&failed)?;
    let compression = Compression::from_magic(&magic);
    let whole = io::Cursor::new(magic).chain(bytes);
    let reader: Box<dyn Read + Send> = match compression {
        Compression::None => Box::new(whole),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(whole)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(whole).map_err(failed)?),
    };
    Ok((Input::new(reader), compression))
}
