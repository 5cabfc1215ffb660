//! `host replay`: a recorded run once more, in virtual time, with its strategies and settings or with others.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use host_runtime::{ReplayOptions, run_replay};
use host_simulator::Capacity;
use host_workload::recording::Reader;

use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::format;
use crate::interrupt::stop_on_ctrl_c;
use crate::layers::Above;
use crate::progress::Terminal;

/// Replay a recorded run with other strategies or settings, and say what they would have decided.
///
/// Ticks come when they came, and show what was measured, as long as the replay turns what the recording turned: so a replay without
/// any change decides what was decided, or says which record differs, and simulates nothing. From the first other decision on, the
/// figures of the cache are those of a simulated one that was asked for every recorded request; those of the machine and the pools stay
/// the recorded ones. Requests come when they came, however fast the cache serves them. The same command gives the same bytes of --json and --ledger.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host run --profile medium --record run.rec .    record a run
  host replay run.rec                             the same strategies and settings: the same decisions
  host replay run.rec --profile large             what another profile would have decided
  host replay run.rec --set strategies.cache-policy.enabled=false
  host replay run.rec --plugin-dir mine --set 'strategies.mine.grants=metrics, cache-control'
  host replay run.rec --capacity 20MB --ledger replay.jsonl
")]
pub(crate) struct Replay {
    /// A recording, as `host run --record` writes it. One that was cut is replayed to its last whole block.
    file: PathBuf,

    /// A bundled profile or a TOML file, in the place of the recorded settings.
    #[arg(long, short, value_name = "NAME|FILE")]
    profile: Option<String>,

    /// Capacity of the cache at the start, in bytes (20MB) [default: the recorded one; at most the profile's cache.max-capacity].
    #[arg(long, value_name = "BYTES")]
    capacity: Option<Capacity>,

    /// Write every proposal, decision and effect of the replay to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,

    /// Print one JSON object instead of the report.
    #[arg(long)]
    json: bool,

    // Last, because their heading holds for what follows.
    #[command(flatten)]
    above: Above,
}

impl Replay {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        let stop = stop_on_ctrl_c()?;
        let began = Instant::now();
        let reader = Reader::open(&self.file)?;
        let (settings, policies) = match &self.profile {
            Some(profile) => self.above.load_for_virtual_time(profile)?,
            None => self.above.load_recorded(reader.header())?,
        };
        drop(reader);
        let capacity = match self.capacity {
            None => None,
            Some(Capacity::Bytes(bytes)) => Some(bytes),
            Some(other) => {
                return Err(format!("--capacity {other}: a replay takes bytes, for example 20MB").into());
            }
        };
        let (file, ledger) = (self.file.clone(), self.ledger.clone());
        let options = ReplayOptions { file, settings, policies, capacity, ledger };
        let report = run_replay(&options, &Terminal::new(self.json), &stop)?;
        if self.json {
            print_json(&report)?;
        } else {
            format::replay::print(&report, began.elapsed())?;
        }
        Ok(if report.interrupted { End::Interrupted } else { End::Done })
    }
}
