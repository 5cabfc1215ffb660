//! `host trace convert`: one or several traces, as one, in another format.
//!
//! The output is written beside its final place and renamed when it is whole, so that whatever ends the conversion early
//! leaves no half file and what stood there stands.

use std::fs::File;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use clap::Args;
use host_runtime::{Progress as _, Stop};
use host_workload::key;
use host_workload::trace::{
    Compression, Format, Join, KeyForm, KeySharing, NextAccess, NotWritable, Options, Part, RawBatch, RawKey,
    TraceReader, TraceWriter,
};
use tempfile::NamedTempFile;

use super::BATCH;
use crate::commands::{TraceFormat, announce_waiting};
use crate::exit::{End, Failure};
use crate::format::thousands;
use crate::interrupt::stop_on_ctrl_c;
use crate::out::outln;
use crate::progress::Terminal;

/// Write traces in another format, joined and repeated.
///
/// The inputs are read in the order given, FILE:TIMES that many times, and all of them --repeat times.
/// The same key in two files is another object, unless --shared-keys is given; the same file twice requests
/// the same objects again. So a numeric key below 2^48 gets the number of its file in the 16 bits
/// above; with one file alone keys stay as they are.
///
/// Keys are written unchanged. With --hash-keys they are written as hashes of 53 bits, whose order and
/// distances mean nothing, even in a format whose keys are read as ordered.
///
/// Where the format holds numbers only, the text of a key is replaced by a number that hashes to the
/// same, so that a simulation of either file gives the same misses. Times are not kept. lis, lirs and plain
/// hold no sizes; in oracleGeneral an object without a size has the size 1, since libCacheSim skips records of
/// size 0. oracleGeneral needs the next access of each request: the inputs are read twice, and 4
/// bytes a request are held in memory; the other formats take constant memory.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host trace convert trace.lis.zst --output trace.oracleGeneral.zst
  host trace convert sprite.trace.gz gli.trace.gz:20 sprite.trace.gz --output phases.lirs.gz
  host trace convert day1.csv day2.csv --shared-keys --limit 1000000 --to csv --output head.csv.zst
")]
pub(super) struct Convert {
    /// Traces to read, one after the other; FILE:TIMES reads one that many times in a row.
    #[arg(required = true, value_name = "FILE[:TIMES]")]
    inputs: Vec<PathBuf>,

    /// plain, csv, lis, lirs or oracleGeneral; by default what the output's name says.
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,

    /// The file to write; compressed if its name ends in .gz or .zst.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,

    /// Read all inputs this many times.
    #[arg(long, value_name = "N", default_value = "1")]
    repeat: NonZeroU32,

    /// The same key in two files is the same object.
    #[arg(long)]
    shared_keys: bool,

    /// End after this many requests.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,

    /// Overwrite the output if it exists.
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    format: TraceFormat,
}

/// Why a trace cannot be written as requested.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(
        "the name of {} does not tell the format; choose one with `--to`: {}",
        .0.display(), Format::WRITABLE.map(Format::name).join(", ")
    )]
    NoFormat(PathBuf),
    #[error("{}: is an input and cannot be the output", .0.display())]
    Input(PathBuf),
    #[error("{}: exists; overwrite it with `--force`", .0.display())]
    Exists(PathBuf),
    #[error("{}: is no regular file; the output has to be one", .0.display())]
    NoFile(PathBuf),
    #[error("{}: cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

impl Convert {
    pub(super) fn execute(&self) -> Result<End, Failure> {
        let format = self.target()?;
        let compression = Compression::from_name(&self.output);
        let parts = self.inputs.iter().map(|input| Part::parse(input)).collect();
        let keys = if self.shared_keys { KeySharing::Shared } else { KeySharing::Apart };
        self.inputs.iter().for_each(|input| announce_waiting(&Part::parse(input).path));
        let mut join = Join::open(parts, self.format.options(), keys, self.repeat.get())?;
        let output = self.place(&join)?;

        let stop = stop_on_ctrl_c()?;
        let terminal = Terminal::new(false);
        let next = if format == Format::OracleGeneral {
            join.check_readings(2)?;
            let Some(next) = self.next_accesses(&mut join, &terminal, &stop)? else {
                return Ok(End::Interrupted);
            };
            Some(next)
        } else {
            None
        };

        let failed = |source| Refused::Write { path: self.output.clone(), source };
        let file = beside(&output).map_err(failed)?;
        let handle: File = file.reopen().map_err(failed)?;
        let mut writer = TraceWriter::new(format, compression, handle).map_err(failed)?;
        let mut batch = RawBatch::default();
        terminal.begin("writing", next.as_ref().map(NextAccess::len).or(self.limit));
        loop {
            if stop.asked() {
                return Ok(End::Interrupted);
            }
            let count = join.read_batch(&mut batch, self.room(writer.written()))?;
            if count == 0 {
                break;
            }
            for (request, key) in batch.iter() {
                let next = next.as_ref().and_then(|next| next.of(writer.written()));
                let key = if self.hashes() { RawKey::Number(key::cut(key.hash())) } else { key };
                writer.write(key, request.size, next).map_err(failed)?;
            }
            terminal.at(writer.written());
        }
        let written = writer.written();
        writer.finish().map_err(failed)?;
        if stop.asked() {
            return Ok(End::Interrupted);
        }
        if self.force {
            file.persist(&output).map_err(|error| failed(error.error))?;
        } else {
            // A file created there meanwhile is not overwritten either.
            file.persist_noclobber(&output).map_err(|error| failed(error.error))?;
        }
        terminal.end(&format!("{} requests written", thousands(written)));
        outln!("{}: {} requests, {format}, {compression}", self.output.display(), thousands(written))?;
        self.hint(format)?;
        Ok(End::Done)
    }

    /// The format to write.
    fn target(&self) -> Result<Format, Failure> {
        let named = self.to.or_else(|| Format::from_name(&self.output));
        let format = named.ok_or_else(|| Refused::NoFormat(self.output.clone()))?;
        if Format::WRITABLE.contains(&format) { Ok(format) } else { Err(NotWritable(format).into()) }
    }

    /// Where the output goes: what a link points to is written, not the link.
    fn place(&self, join: &Join) -> Result<PathBuf, Refused> {
        let Ok(output) = self.output.canonicalize() else { return Ok(self.output.clone()) };
        if join.files().any(|input| input.canonicalize().is_ok_and(|input| input == output)) {
            return Err(Refused::Input(self.output.clone()));
        }
        if !output.is_file() {
            return Err(Refused::NoFile(self.output.clone()));
        }
        if !self.force {
            return Err(Refused::Exists(self.output.clone()));
        }
        Ok(output)
    }

    /// Whether hashes are written in place of keys.
    fn hashes(&self) -> bool {
        self.format.options().keys == Some(KeyForm::Hashed)
    }

    /// Requests to read next, when so many are done.
    fn room(&self, done: u64) -> usize {
        let left = self.limit.map_or(u64::MAX, |limit| limit.saturating_sub(done));
        usize::try_from(left).unwrap_or(usize::MAX).min(BATCH)
    }

    /// Reads all inputs once; nothing if it was ended early.
    fn next_accesses(
        &self,
        join: &mut Join,
        terminal: &Terminal,
        stop: &Stop,
    ) -> Result<Option<NextAccess>, Failure> {
        let (mut next, mut batch) = (NextAccess::default(), RawBatch::default());
        terminal.begin("reading", None);
        while join.read_batch(&mut batch, self.room(next.len()))? > 0 {
            if stop.asked() {
                return Ok(None);
            }
            for request in batch.requests() {
                next.push(if self.hashes() { key::cut(request.key) } else { request.key });
            }
            terminal.at(next.len());
        }
        terminal.end(&format!("{} requests read", thousands(next.len())));
        next.freeze();
        join.rewind();
        Ok(Some(next))
    }

    /// Says how to read the output where neither its name nor its content tells, such as plain keys with blanks in a
    /// `.txt`.
    fn hint(&self, format: Format) -> Result<(), Failure> {
        let told = TraceReader::open(&self.output, &Options::default());
        if !told.is_ok_and(|reader| reader.format() == format) {
            outln!("read it with `--format {format}`: neither its name nor its content tells")?;
        }
        Ok(())
    }
}

/// A new file in the folder of `output`, with the permissions of any new file.
fn beside(output: &Path) -> std::io::Result<NamedTempFile> {
    let folder = output.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".host-trace-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // The user's umask is applied to it.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}
