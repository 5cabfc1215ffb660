//! Writes a trace: one request at a time, in constant memory.
//!
//! | format | what is kept | what is not |
//! |---|---|---|
//! | `plain` | keys | sizes |
//! | `csv` | keys and sizes, in columns `key` and `size`; an unknown size is empty | |
//! | `lis` | keys as numbers; runs of consecutive numbers share a line | sizes |
//! | `lirs` | keys as numbers | sizes |
//! | `oracleGeneral` | keys as numbers, sizes, next accesses; an unknown size is 1 | |
//!
//! Where a format cannot hold the text of a key, the number that hashes to the same is written ([`RawKey::as_number`]):
//! whoever reads the trace again gets the very same hashes, and so the same misses under every policy. Times are not kept
//! by any reader here; the time of an oracleGeneral record is the number of the request, from 0 on.
//!
//! It fails with the error of the file it writes to.

use std::fmt;
use std::io::{self, BufWriter, Write};

use super::format::Names;
use super::lis::MAX_COUNT;
use super::{Compression, Format, MAX_LINE_BYTES, RawKey};

/// A format that is only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is only read; the formats that can be written are: {list}", list = Names(&Format::WRITABLE))]
pub struct NotWritable(pub Format);

/// Writes the requests of a trace in order. What is not [finished](Self::finish) is cut short.
pub struct TraceWriter {
    encoder: Encoder,
    written: u64,
}

enum Encoder {
    Plain(Out),
    Csv(Box<csv::Writer<Out>>),
    Lis { out: Out, run: Run, lines: u64 },
    Lirs(Out),
    OracleGeneral(Out),
}

/// Blocks of a line of a `.lis` trace.
#[derive(Clone, Copy, Default)]
struct Run {
    start: u64,
    count: u64,
}

impl TraceWriter {
    /// A writer that puts a trace in this format and compression into `file`.
    ///
    /// # Errors
    /// [`NotWritable`] for a format that is only read; else what writing the header says.
    pub fn new(
        format: Format,
        compression: Compression,
        file: impl Write + Send + 'static,
    ) -> io::Result<Self> {
        let unwritable = || io::Error::new(io::ErrorKind::Unsupported, NotWritable(format));
        if !Format::WRITABLE.contains(&format) {
            return Err(unwritable());
        }
        let out = Out::new(compression, Box::new(file))?;
        let encoder = match format {
            Format::Plain => Encoder::Plain(out),
            Format::Lis => Encoder::Lis { out, run: Run::default(), lines: 0 },
            Format::Lirs => Encoder::Lirs(out),
            Format::OracleGeneral => Encoder::OracleGeneral(out),
            Format::Csv => {
                let mut rows = csv::Writer::from_writer(out);
                rows.write_record(["key", "size"])?;
                Encoder::Csv(Box::new(rows))
            }
            Format::Vscsi | Format::Msr | Format::Twitter | Format::Mooncake | Format::Recording => {
                return Err(unwritable());
            }
        };
        Ok(Self { encoder, written: 0 })
    }

    /// Appends a request. `next` is the number of the next request for the key, counted from 0 on; only `oracleGeneral`
    /// has it, see [`NextAccess`](super::NextAccess).
    ///
    /// # Errors
    /// What the file says.
    pub fn write(&mut self, key: RawKey<'_>, size: u32, next: Option<u64>) -> io::Result<()> {
        let number = self.written;
        self.written += 1;
        match &mut self.encoder {
            Encoder::Plain(out) => match key {
                RawKey::Text(text) if is_line(text) => {
                    out.write_all(text)?;
                    out.write_all(b"\n")
                }
                key => writeln!(out, "{}", key.as_number()),
            },
            Encoder::Csv(rows) => {
                match key {
                    RawKey::Text(text) if fits_a_row(text) => rows.write_field(text)?,
                    key => rows.write_field(key.as_number().to_string())?,
                }
                // An empty field is what a reader takes for an unknown size.
                rows.write_field(if size == 0 { String::new() } else { size.to_string() })?;
                rows.write_record(None::<&[u8]>).map_err(io::Error::from)
            }
            Encoder::Lirs(out) => writeln!(out, "{}", key.as_number()),
            Encoder::Lis { out, run, lines } => run.add(key.as_number(), out, lines),
            Encoder::OracleGeneral(out) => {
                let time = u32::try_from(number).unwrap_or(u32::MAX);
                // libCacheSim counts requests from 1 on, and has -1 for a key that is not asked for again.
                let next =
                    next.and_then(|next| i64::try_from(next).ok()).map_or(-1, |next| next.saturating_add(1));
                out.write_all(&time.to_le_bytes())?;
                out.write_all(&key.as_number().to_le_bytes())?;
                // libCacheSim, whose format it is, skips a record of size 0 as if nothing had been asked for.
                out.write_all(&size.max(1).to_le_bytes())?;
                out.write_all(&next.to_le_bytes())
            }
        }
    }

    /// Requests written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Writes what is still held back, ends the compression and hands everything to the file.
    ///
    /// # Errors
    /// What the file says.
    pub fn finish(self) -> io::Result<()> {
        match self.encoder {
            Encoder::Plain(out) | Encoder::Lirs(out) | Encoder::OracleGeneral(out) => out.finish(),
            Encoder::Lis { mut out, mut run, mut lines } => {
                run.end(&mut out, &mut lines)?;
                out.finish()
            }
            Encoder::Csv(rows) => rows.into_inner().map_err(csv::IntoInnerError::into_error)?.finish(),
        }
    }
}

impl fmt::Debug for TraceWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TraceWriter").field("written", &self.written).finish_non_exhaustive()
    }
}

impl Run {
    /// Lengthens the run by a block, or ends it and begins another.
    fn add(&mut self, block: u64, out: &mut Out, lines: &mut u64) -> io::Result<()> {
        if self.count > 0 && self.count < MAX_COUNT && self.start.checked_add(self.count) == Some(block) {
            self.count += 1;
            return Ok(());
        }
        self.end(out, lines)?;
        *self = Self { start: block, count: 1 };
        Ok(())
    }

    fn end(&mut self, out: &mut Out, lines: &mut u64) -> io::Result<()> {
        let Self { start, count } = std::mem::take(self);
        if count == 0 {
            return Ok(());
        }
        writeln!(out, "{start} {count} 0 {lines}")?;
        *lines += 1;
        Ok(())
    }
}

/// Whether a line of a plain trace can hold a text: whole, as the same text, and as no comment.
fn is_line(text: &[u8]) -> bool {
    let mark = text.starts_with(b"#") || text.starts_with(b"\xef\xbb\xbf");
    let bare = text.trim_ascii().len() == text.len();
    bare && !text.is_empty() && !mark && !text.contains(&b'\n') && text.len() < MAX_LINE_BYTES
}

/// Whether a row can hold a text beside a size.
fn fits_a_row(text: &[u8]) -> bool {
    text.trim_ascii().len() == text.len() && !text.is_empty() && text.len() < MAX_LINE_BYTES / 2
}

/// A file behind a compressor.
enum Out {
    Bare(BufWriter<File>),
    Gzip(BufWriter<flate2::write::GzEncoder<File>>),
    Zstd(BufWriter<zstd::stream::write::Encoder<'static, File>>),
}

type File = Box<dyn Write + Send>;

/// Bytes that are handed on at a time.
const BUFFER: usize = 256 * 1024;

impl Out {
    fn new(compression: Compression, file: File) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::Bare(BufWriter::with_capacity(BUFFER, file)),
            Compression::Gzip => {
                let encoder = flate2::write::GzEncoder::new(file, flate2::Compression::default());
                Self::Gzip(BufWriter::with_capacity(BUFFER, encoder))
            }
            Compression::Zstd => {
                let encoder = zstd::stream::write::Encoder::new(file, zstd::DEFAULT_COMPRESSION_LEVEL)?;
                Self::Zstd(BufWriter::with_capacity(BUFFER, encoder))
            }
        })
    }

    fn finish(self) -> io::Result<()> {
        let mut file = match self {
            Self::Bare(out) => inner(out)?,
            Self::Gzip(out) => inner(out)?.finish()?,
            Self::Zstd(out) => inner(out)?.finish()?,
        };
        file.flush()
    }
}

fn inner<W: Write>(out: BufWriter<W>) -> io::Result<W> {
    out.into_inner().map_err(io::IntoInnerError::into_error)
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Bare(out) => out.write(bytes),
            Self::Gzip(out) => out.write(bytes),
            Self::Zstd(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Bare(out) => out.flush(),
            Self::Gzip(out) => out.flush(),
            Self::Zstd(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests;
