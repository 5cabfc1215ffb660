//! `host trace`: what a recorded trace is like, and the same requests in another format.

mod convert;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use host_runtime::Progress as _;
use host_workload::analysis::Analysis;
use host_workload::trace::{RawBatch, RawReader};

use crate::commands::{TraceFormat, announce_waiting, print_json};
use crate::exit::{End, Failure};
use crate::format;
use crate::format::trace::Described;
use crate::interrupt::stop_on_ctrl_c;
use crate::progress::Terminal;

/// Requests read at a time; Ctrl-C takes effect between two batches.
const BATCH: usize = 8_192;

/// Describe a trace, or write it in another format.
#[derive(Debug, Args)]
#[command(after_help = "\
Formats:
  plain          one key a line, a number or any text
  csv            a header row; columns for key and size are found or named
  lis            the ARC paper's: start, count, flags, request id
  lirs           the LIRS paper's: one block a line, * for a checkpoint
  oracleGeneral  libCacheSim's binary records of 24 bytes
  vscsi          VMware's block IOs, versions 1 and 2; key: first block (read only)
  msr            MSR Cambridge's block IOs; key: offset in bytes (read only)
  twitter        Twitter's cache requests; get and gets count (read only)
  mooncake       JSON lines with hash_ids: LLM serving; a block is a request (read only)
  recording      what `host run --record` writes: the requests for keys (read only)

Each is also read as .gz or .zst, and told from the file's name and content; --format overrides.

Keys keep their order where numbers are addresses: in lis, lirs, vscsi, msr, and in csv where the key column is
lbn, lba, block, sector or offset, and in a recording where the run kept it. So a strategy sees runs of blocks. Elsewhere keys are hashed, since their
numbers may be names or tell which key comes next; --ordered-keys and --hash-keys override that.

Examples:
  host trace info trace.lis.zst
  host trace convert trace.lis.zst --output trace.oracleGeneral.zst
")]
pub(crate) struct Trace {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Info(Info),
    Convert(convert::Convert),
}

/// Describe a trace: popularity, reuse, runs, sizes.
///
/// Everything is exact and from one reading. A reuse distance is an LRU stack distance: how many objects
/// an LRU cache has to hold for the request to hit. A request is sequential if its key is the number
/// after the key of the request before. Where keys were numbered by first appearance, this says nothing
/// about the recorded system; a note is printed where that seems to be so. "ordered" and "hashed" are the
/// keys as a run would see them. Memory: about 60 bytes a distinct key, whatever the number of requests.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host trace info trace.lis.zst
  host trace info requests.csv --key-column url --json
  host trace info run.rec
")]
struct Info {
    /// A trace; `host trace --help` lists the formats.
    trace: PathBuf,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    format: TraceFormat,
}

impl Trace {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        match self.command {
            Command::Info(info) => info.execute(),
            Command::Convert(convert) => convert.execute(),
        }
    }
}

impl Info {
    fn execute(&self) -> Result<End, Failure> {
        let stop = stop_on_ctrl_c()?;
        let terminal = Terminal::new(false);
        announce_waiting(&self.trace);
        let mut reader = RawReader::open(&self.trace, &self.format.options())?;
        let (mut batch, mut analysis) = (RawBatch::default(), Analysis::default());
        terminal.begin("reading", None);
        while !stop.asked() && reader.read_batch(&mut batch, BATCH)? > 0 {
            analysis.add(&batch)?;
            terminal.at(reader.delivered());
        }
        terminal.end(&format!("{} requests read", format::thousands(reader.delivered())));
        let described = Described {
            trace: self.trace.display().to_string(),
            format: reader.format().to_string(),
            compression: reader.compression().to_string(),
            keys: reader.keys().form.to_string(),
            keys_because: reader.keys().reason.clone(),
            note: reader.note(),
            interrupted: stop.asked(),
            info: analysis.finish(),
        };
        if self.json {
            print_json(&described)?;
        } else {
            format::trace::print(&described)?;
        }
        Ok(if described.interrupted { End::Interrupted } else { End::Done })
    }
}
