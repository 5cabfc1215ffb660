//! `host sim`: replay a trace in virtual time, exactly.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use host_profile::Settings;
use host_runtime::sim::{Capacity, Method};
use host_runtime::{VirtualOptions, sim};
use host_workload::trace::TraceReader;

use crate::commands::{TraceFormat, print_json};
use crate::exit::{End, Failure};
use crate::format;
use crate::interrupt::stop_on_ctrl_c;
use crate::layers::Above;
use crate::progress::Terminal;

/// Replay a trace in virtual time: policies at capacities, or a whole profile with its strategies.
///
/// With --policy every policy is replayed at every capacity, exactly: no sampling, no buffers, every
/// request in order. With --profile the whole control loop runs in virtual time, a tick every
/// --tick-requests requests, and the decisions are printed; the same command twice gives the same bytes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host sim trace.lis.zst --policy lru,lfu,arc,belady --capacity 1000,1%,10%
  host sim trace.bin.zst --policy lru --capacity 64MB --csv
  host sim trace.lis.zst --profile medium --capacity 10%
")]
pub(crate) struct Sim {
    /// A trace: plain keys, CSV, ARC .lis, LIRS or oracleGeneral, also as .gz or .zst.
    trace: PathBuf,

    /// Policies to replay: lru, lfu, arc, belady (the offline optimum).
    #[arg(
        long,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "lru,lfu,arc",
        conflicts_with = "profile"
    )]
    policy: Vec<Method>,

    /// Capacities: objects (1000), percent of the distinct keys (1%) or bytes (64MB).
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_value = "0.1%,1%,10%")]
    capacity: Vec<Capacity>,

    /// Run the control loop of this profile instead: a bundled profile or a TOML file.
    #[arg(long, short, value_name = "NAME|FILE")]
    profile: Option<String>,

    /// With --profile: a tick after so many requests; by default the profile's control.tick-requests.
    #[arg(long, value_name = "N", requires = "profile", value_parser = clap::value_parser!(u64).range(1..))]
    tick_requests: Option<u64>,

    /// With --profile: virtual time that the origin takes for an object.
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = humantime::parse_duration)]
    origin_latency: Duration,

    /// With --profile: where all chance comes from.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// With --profile: write every proposal, decision and effect to this file, one JSON object a line.
    #[arg(long, value_name = "FILE", requires = "profile")]
    ledger: Option<PathBuf>,

    /// Print comma-separated values instead of a table.
    #[arg(long, conflicts_with_all = ["json", "profile"])]
    csv: bool,

    /// Print one JSON object instead of a table.
    #[arg(long)]
    json: bool,

    // Last, because their headings hold for what follows.
    #[command(flatten)]
    above: Above,

    #[command(flatten)]
    format: TraceFormat,
}

/// Where the profile says nothing of requests: ticks by time make no sense here.
const TICK_REQUESTS: u64 = 2_000;

impl Sim {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        match self.profile.clone() {
            Some(profile) => self.control_loop(&profile),
            None => self.exact(),
        }
    }

    fn exact(&self) -> Result<End, Failure> {
        let stop = stop_on_ctrl_c()?;
        let terminal = Terminal::new(true);
        let trace = TraceReader::open(&self.trace, &self.format.options())?;
        let options = sim::Options::default();
        let simulation = sim::simulate(trace, &self.policy, &self.capacity, &options, &terminal, &stop)?;
        if self.json {
            print_json(&simulation)?;
        } else if self.csv {
            format::simulation::csv(&simulation)?;
        } else {
            format::simulation::table(&simulation, &self.policy, &self.capacity)?;
        }
        Ok(if simulation.interrupted { End::Interrupted } else { End::Done })
    }

    fn control_loop(&self, profile: &str) -> Result<End, Failure> {
        let [capacity] = self.capacity.as_slice() else {
            return Err("with --profile give one --capacity, for example --capacity 10%".into());
        };
        let stop = stop_on_ctrl_c()?;
        let settings: Settings = self.above.load_for_virtual_time(profile)?;
        let tick_requests = match (self.tick_requests, settings.control.tick_requests) {
            (Some(asked), _) => asked,
            (None, 0) => TICK_REQUESTS,
            (None, from_profile) => from_profile,
        };
        let options = VirtualOptions {
            settings,
            trace: self.trace.clone(),
            format: self.format.options(),
            capacity: *capacity,
            tick_requests,
            origin_latency: self.origin_latency,
            seed: self.seed,
            ledger: self.ledger.clone(),
        };
        let report = host_runtime::run_virtual(&options, &Terminal::new(true), &stop)?;
        if self.json {
            print_json(&report)?;
        } else {
            format::virtual_run::print(&report)?;
        }
        Ok(if report.interrupted { End::Interrupted } else { End::Done })
    }
}
