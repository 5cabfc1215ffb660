//! Recorded traces: a stream of requests out of a file, plain or compressed.
//!
//! A reader never holds more of the file than a buffer of [`BUFFER_BYTES`], whatever the file decompresses to, and copies
//! no line. A key arrives as the number in the file where numbers are addresses, else as a hash (see [`KeyForm`]), and fits
//! [`key::BITS`](crate::key::BITS) bits. The format is taken from the options, else from the file's name, else
//! from its first bytes; gzip and zstd are recognised by their magic bytes, whatever the name says.
//!
//! It fails with a [`TraceError`] that names the file and the line or record. An error ends the stream: what came before
//! it has been delivered, nothing comes after it.
//!
//! ```
//! use host_workload::trace::{Format, Options, TraceReader};
//!
//! # let folder = tempfile::tempdir()?;
//! let path = folder.path().join("small.lis");
//! std::fs::write(&path, "7 3 0 0\n")?; // blocks 7, 8 and 9
//! let mut trace = TraceReader::open(&path, &Options::default())?;
//! assert_eq!(trace.format(), Format::Lis);
//!
//! let mut requests = Vec::new();
//! assert_eq!(trace.read_batch(&mut requests, 1_000)?, 3);
//! assert_eq!(requests[1].key, 8);
//! assert_eq!(trace.read_batch(&mut requests, 1_000)?, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::{Path, PathBuf};

mod bounds;
mod compression;
mod csv;
mod detect;
mod error;
mod excerpt;
mod format;
mod input;
mod join;
mod keys;
mod lirs;
mod lis;
mod mooncake;
mod msr;
mod next_access;
mod open;
mod oracle;
mod plain;
mod raw;
mod recording;
mod rows;
mod twitter;
mod vscsi;
mod write;

pub use bounds::{BUFFER_BYTES, MAX_LINE_BYTES};
pub use compression::Compression;
pub use error::{Position, TraceError};
pub use format::{Format, UnknownFormatName};
pub use join::{Join, KeySharing, Part};
pub use keys::{KeyChoice, KeyForm};
pub use lis::MAX_COUNT;
pub use next_access::NextAccess;
pub use open::{check_readings, reads_once};
pub use raw::{RawBatch, RawKey, RawReader};
pub use write::{NotWritable, TraceWriter};

pub(crate) use excerpt::excerpt;

use error::Fault;
use input::Input;
use keys::{KeyEncoder, Sink};

/// One request of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// The key: at most [`key::MAX`](crate::key::MAX), or a whole hash where [`TraceReader::with_ids`] was asked for.
    pub key: u64,
    /// Size of the object in bytes; 0 where the trace does not say.
    pub size: u32,
}

/// How to read a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The format; detected where it is `None`.
    pub format: Option<Format>,
    /// CSV only: the column that holds the key. By default the first that exists of `key`, `lbn`, `obj_id`, `id`,
    /// `block`, `lba`, `path`. Case does not count.
    pub key_column: Option<String>,
    /// CSV only: the column that holds the size in bytes. By default the first that exists of `size`, `obj_size`,
    /// `bytes`; without one, sizes are unknown (0).
    pub size_column: Option<String>,
    /// The form of the keys; by default the one that suits the format.
    pub keys: Option<KeyForm>,
}

/// Turns the bytes of one format into requests.
trait Decode: Send {
    /// Puts requests into `out` until it is full; none at the end of the trace. On a fault `out` holds what came before
    /// it.
    fn decode(&mut self, input: &mut Input, out: &mut Sink<'_>) -> Result<(), Fault>;

    /// What a user has to know of what was read so far, in words.
    fn note(&self) -> Option<String> {
        None
    }
}

/// Reads the requests of a trace in order.
///
/// Read it with [`read_batch`](Self::read_batch), which costs least, or as an iterator; the two may be mixed.
pub struct TraceReader {
    path: PathBuf,
    format: Format,
    compression: Compression,
    input: Input,
    decoder: Box<dyn Decode>,
    choice: KeyChoice,
    keys: KeyEncoder,
    state: StreamState,
    delivered: u64,
    decoded: u64,
    /// What the iterator has decoded ahead; `ahead_from` is the first request not yet delivered.
    ahead: Vec<Request>,
    ahead_from: usize,
}

/// Where the stream stands.
enum StreamState {
    Reading,
    /// Requests were delivered first; the error is still to be.
    Failed(TraceError),
    Ended,
}

/// Requests that the iterator decodes at a time.
const AHEAD: usize = 1024;

impl TraceReader {
    /// Opens a trace, recognises compression and format, and reads the header where the format has one.
    ///
    /// # Errors
    /// [`TraceError`]: the file is missing, a directory or unreadable, it holds nothing, its format cannot be told, or
    /// its CSV header lacks a column. A file that holds only comments opens, and the first read reports it as empty.
    pub fn open(path: &Path, options: &Options) -> Result<Self, TraceError> {
        Self::from_reader(path, open::open(path)?, options)
    }

    /// Reads a trace from elsewhere than a file. `path` is the name that it would have: errors name it, and it tells the
    /// format where it would tell that of a file.
    ///
    /// # Errors
    /// Those of [`open`](Self::open), but for those of opening.
    pub fn from_reader(
        path: &Path,
        bytes: impl std::io::Read + Send + 'static,
        options: &Options,
    ) -> Result<Self, TraceError> {
        let (mut input, compression) = open::decompress(path, bytes)?;
        let position = Position::Line(1);
        let blame = |fault: Fault, format| fault.at(path, format, compression);
        input.peek().map_err(|source| blame(Fault::read(position, source), Format::Plain))?;
        if input.available().is_empty() {
            return Err(TraceError::Empty { path: path.to_owned(), format: options.format });
        }
        let format = match options.format.or_else(|| Format::from_name(path)) {
            Some(Format::Csv) if options.format.is_none() => detect::by_first_row(&input, options),
            Some(format) => format,
            None => detect::by_content(path, &input, options)
                .map_err(|found| TraceError::UnknownFormat { path: path.to_owned(), found })?,
        };
        if !matches!(format, Format::OracleGeneral | Format::Vscsi | Format::Recording) {
            input.skip_byte_order_mark();
        }
        let mut choice = format.keys();
        let decoder: Box<dyn Decode> = match format {
            Format::Plain => Box::new(plain::Plain),
            Format::Lis => Box::new(lis::Lis::default()),
            Format::Lirs => Box::new(lirs::Lirs),
            Format::OracleGeneral => Box::new(oracle::Oracle::default()),
            Format::Msr => Box::new(msr::Msr::new()),
            Format::Twitter => Box::new(twitter::Twitter::new()),
            Format::Mooncake => Box::new(mooncake::Mooncake::default()),
            Format::Vscsi => {
                Box::new(vscsi::Vscsi::with_version(&input).map_err(|fault| blame(fault, format))?)
            }
            Format::Recording => {
                let recording =
                    recording::Recording::with_header(&mut input).map_err(|fault| blame(fault, format))?;
                choice = recording.choice();
                Box::new(recording)
            }
            Format::Csv => {
                let csv = csv::Csv::with_header(&mut input, options).map_err(|fault| blame(fault, format))?;
                choice = csv.choice();
                Box::new(csv)
            }
        };
        if let Some(form) = options.keys {
            choice = KeyChoice::new(form, "asked for");
        }
        Ok(Self {
            path: path.to_owned(),
            format,
            compression,
            input,
            decoder,
            keys: KeyEncoder::new(choice.form),
            choice,
            state: StreamState::Reading,
            delivered: 0,
            decoded: 0,
            ahead: Vec::new(),
            ahead_from: 0,
        })
    }

    /// The format that is being read.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// How the file is compressed.
    #[must_use]
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The form of the keys, and why they have it.
    #[must_use]
    pub fn keys(&self) -> &KeyChoice {
        &self.choice
    }

    /// From here on keys are ids: whole hashes, whatever their form would be. For policies and simulators, to which the
    /// value of a key must tell nothing and no two keys may be the same.
    #[must_use]
    pub fn with_ids(mut self) -> Self {
        self.keys.whole();
        self
    }

    /// Requests decoded so far whose key has no place in the order and was hashed: a text, or a number above
    /// [`key::MAX`](crate::key::MAX). Where keys are hashed anyway, 0.
    #[must_use]
    pub fn unordered(&self) -> u64 {
        self.keys.unordered()
    }

    /// What a user has to know of what was read so far, in words: that a recording was cut. None where there is nothing.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        self.decoder.note()
    }

    /// The file that is being read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Requests delivered so far, by either way of reading.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Appends up to `max` requests to `out` and returns how many. With `max` above 0, 0 means the end of the trace.
    ///
    /// # Errors
    /// [`TraceError`], once, when nothing that precedes the fault is left to deliver: a batch that runs into a fault
    /// is returned short and the next call fails. Afterwards the trace is at its end.
    pub fn read_batch(&mut self, out: &mut Vec<Request>, max: usize) -> Result<usize, TraceError> {
        let before = out.len();
        let ahead = self.ahead.get(self.ahead_from..).unwrap_or_default();
        let take = ahead.len().min(max);
        out.extend(ahead.iter().take(take));
        self.ahead_from += take;
        if take < max {
            self.decode(out, max - take);
        }
        let count = out.len() - before;
        self.delivered += u64::try_from(count).unwrap_or(u64::MAX);
        if count == 0 && max > 0 { self.finish().map(|()| 0) } else { Ok(count) }
    }

    /// Decodes while the stream stands, and notes how it ended.
    fn decode(&mut self, out: &mut Vec<Request>, max: usize) {
        if max == 0 || !matches!(self.state, StreamState::Reading) {
            return;
        }
        let before = out.len();
        let mut sink = Sink::new(out, max, &mut self.keys);
        let outcome = self.decoder.decode(&mut self.input, &mut sink);
        let count = out.len() - before;
        self.decoded += u64::try_from(count).unwrap_or(u64::MAX);
        match outcome {
            Err(fault) => {
                self.state = StreamState::Failed(fault.at(&self.path, self.format, self.compression))
            }
            Ok(()) if self.decoded == 0 => {
                let (path, format) = (self.path.clone(), Some(self.format));
                self.state = StreamState::Failed(TraceError::Empty { path, format });
            }
            Ok(()) if count == 0 => self.state = StreamState::Ended,
            Ok(()) => {}
        }
    }

    /// Takes the error that is still to be delivered, if there is one.
    fn finish(&mut self) -> Result<(), TraceError> {
        match std::mem::replace(&mut self.state, StreamState::Ended) {
            StreamState::Failed(error) => Err(error),
            StreamState::Reading | StreamState::Ended => Ok(()),
        }
    }
}

impl Iterator for TraceReader {
    type Item = Result<Request, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead_from == self.ahead.len() {
            let mut ahead = std::mem::take(&mut self.ahead);
            ahead.clear();
            self.ahead_from = 0;
            self.decode(&mut ahead, AHEAD);
            self.ahead = ahead;
        }
        match self.ahead.get(self.ahead_from) {
            Some(&request) => {
                self.ahead_from += 1;
                self.delivered += 1;
                Some(Ok(request))
            }
            None => self.finish().err().map(Err),
        }
    }
}

impl std::iter::FusedIterator for TraceReader {}

impl std::fmt::Debug for TraceReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TraceReader")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("compression", &self.compression)
            .field("delivered", &self.delivered)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
