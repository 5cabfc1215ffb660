//! `host run`: work through an input, with strategies off and on, and show what tuning gained.

mod batch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, ValueEnum};
use host_runtime::{Input, RunOptions, Stop, WarmOptions};
use host_simulator::Capacity;

use crate::commands::TraceFormat;
use crate::exit::{End, Failure};
use crate::format;
use crate::interrupt::stop_on_ctrl_c;
use crate::layers::Layers;
use crate::out::outln;
use crate::progress::Terminal;

/// Run an input under a profile and report what tuning gained.
///
/// Without INPUT the built-in workload runs: six seeded phases, first with strategies off, then on, then off
/// again, to see how much two runs differ by themselves. That compares with the profile's starting settings;
/// --against sweep compares with the best fixed ones. A directory is read and indexed, file by file and pass
/// by pass, without what .gitignore names. A trace is replayed against an origin with the latency of
/// --origin-latency. A list of commands, one a line, is run with so many at once as do most a second.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host run --profile medium                       the built-in workload
  host run --profile medium .                     this directory, three passes
  host run --profile medium trace.lis.zst         a recorded trace
  host run --against sweep trace.lis.zst          against the best fixed settings
  host run --save-hot hot.csv .                   leave the hottest keys for the next run
  host run --warm hot.csv --save-hot hot.csv .    begin with those of the last one
  host run --state-dir learnt .                   strategies go on from what they have learnt
  host run jobs.txt                               a list of commands, as for xargs
  host run --shell --job-log jobs.csv jobs.txt    each line for a shell; what became of it in a file
  host run --resume --shell --job-log jobs.csv jobs.txt    what has not succeeded yet
  host run --record run.rec .                     take the run home: host replay run.rec
  host run --set cache.policy=lfu --ledger run.jsonl trace.csv
")]
pub(crate) struct Run {
    /// A directory, a trace file or a list of commands (- for standard input); the built-in workload where it is missing.
    input: Option<PathBuf>,

    /// What to compare the tuned run with. By default the start for the built-in workload, nothing for any other input.
    #[arg(long, value_name = "WHAT")]
    against: Option<Against>,

    /// Passes over a directory.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    passes: u32,

    /// Capacity of the cache at the start: objects (1000), percent of a trace's distinct keys (10%) or
    /// bytes (64MB). By default the profile's; for a trace 10 % of its footprint.
    #[arg(long, value_name = "AMOUNT")]
    capacity: Option<Capacity>,

    /// Time the origin takes to load an object: 500us, 1ms, 2s. The clock's resolution is a millisecond.
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = humantime::parse_duration)]
    origin_latency: Duration,

    /// Size in bytes of an object of a trace that gives no sizes.
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    object_size: u32,

    /// Seed of all random numbers: the built-in workload's, and those that strategies get.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write every proposal, decision and effect to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,

    /// Record the tuned run in this file: every request, what each tick showed, and what came of it. `host replay` runs the
    /// control loop over it again, with other strategies or settings; `host sim` takes it as a trace.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,

    /// Load what was hot before: the hottest keys of a file that --save-hot wrote, or of a recording. Only into room that nobody
    /// needs; first of all, then in quiet periods. Brings --set prefetch.mode=full with it.
    #[arg(long, value_name = "FILE")]
    warm: Option<PathBuf>,

    /// How long the first request waits for --warm, or prefetch.warm, at most.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = humantime::parse_duration)]
    warm_for: Duration,

    /// Save the hottest keys at the end of the tuned run, for --warm of the next.
    #[arg(long, value_name = "FILE")]
    save_hot: Option<PathBuf>,

    /// Keep what strategies learn in this folder, for the next run, and begin with what is there. By default what
    /// plugins.state-dir says; without either it lasts for the run.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Print one JSON object instead of the report.
    #[arg(long)]
    json: bool,

    // Last, because their headings hold for what follows.
    #[command(flatten)]
    batch: batch::BatchArgs,

    #[command(flatten)]
    layers: Layers,

    #[command(flatten)]
    format: TraceFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Against {
    /// The profile's starting settings, strategies off: run before and after the tuned run
    Start,
    /// The best fixed settings that a sweep of some 15 runs finds: what somebody who knows the machine would set
    Sweep,
    /// Nothing: the tuned run alone
    Nothing,
}

impl From<Against> for host_runtime::Against {
    fn from(against: Against) -> Self {
        match against {
            Against::Start => Self::Start,
            Against::Sweep => Self::Sweep,
            Against::Nothing => Self::Nothing,
        }
    }
}

impl Run {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        if self.batch.means(self.input.as_deref(), &self.format.options())?
            && let Some(input) = &self.input
        {
            return self.batch(input, &stop_on_ctrl_c()?);
        }
        let terminal = Terminal::new(self.json);
        if !self.json {
            outln!("{}", self.first_line())?;
        }
        let stop = stop_on_ctrl_c()?;
        let input = self.input()?;
        let layers = self.layers.warmed(self.warm.is_some());
        let at = self.input.as_deref().unwrap_or(Path::new("."));
        let (settings, policies) = layers.load_with_policies(at)?;
        let against = self.against.unwrap_or(match input {
            Input::BuiltIn => Against::Start,
            Input::Directory(_) | Input::Trace(..) => Against::Nothing,
        });
        let options = RunOptions {
            settings,
            policies,
            input,
            against: against.into(),
            passes: self.passes,
            origin_latency: self.origin_latency,
            capacity: self.capacity,
            object_size: self.object_size,
            seed: self.seed,
            ledger: self.ledger.clone(),
            record: self.record.clone(),
            state_dir: self.state_dir.clone(),
            warm: WarmOptions { from: self.warm.clone(), before: self.warm_for, save: self.save_hot.clone() },
        };
        self.run(&options, &terminal, &stop)
    }

    fn run(&self, options: &RunOptions, terminal: &Terminal, stop: &Stop) -> Result<End, Failure> {
        let report = host_runtime::run(options, terminal, stop)?;
        if self.json {
            crate::commands::print_json(&report)?;
        } else {
            format::report::print(&report)?;
        }
        Ok(if report.interrupted { End::Interrupted } else { End::Done })
    }

    fn first_line(&self) -> String {
        let what = match &self.input {
            None => "the built-in workload".to_owned(),
            Some(path) => path.display().to_string(),
        };
        format!("host {}: {what}, profile {}", env!("CARGO_PKG_VERSION"), self.layers.profile)
    }

    fn input(&self) -> Result<Input, Failure> {
        let Some(path) = &self.input else { return Ok(Input::BuiltIn) };
        let kind = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(if kind.is_dir() {
            Input::Directory(path.clone())
        } else {
            Input::Trace(path.clone(), self.format.options())
        })
    }
}
