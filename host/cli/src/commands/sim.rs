//! `host sim`: replay a trace in virtual time, exactly; or play a scenario of a pool.

mod executor;
mod span;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{ArgGroup, Args};
use host_contract::Unit;
use host_plot::{PlotError, PlotFile};
use host_runtime::{VirtualInput, VirtualOptions};
use host_simulator::{Capacity, MemoryLimit, Method, Options, Simulation, builtin, simulate};
use host_telemetry::Machine;
use host_workload::trace::TraceReader;

use crate::commands::{TraceFormat, announce_waiting, print_json};
use crate::exit::{End, Failure};
use crate::format;
use crate::format::grid::Grid;
use crate::interrupt::stop_on_ctrl_c;
use crate::layers::Above;
use crate::policies::{Methods, methods, policies};
use crate::progress::{Terminal, Watched};
use executor::Executor;
use span::Span;

/// Run in virtual time: policies over a trace, a whole profile with its strategies, or a pool in a scenario.
///
/// With --policy every policy is replayed at every capacity, exactly: no sampling, no buffers, every
/// request in order. With --profile the whole control loop runs in virtual time, a tick every
/// --tick-requests requests, and the decisions are printed; the same command twice gives the same bytes.
/// With --executor a strategy sizes the pool in front of a model of a server.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("view").args(["curve", "per_window"]))]
#[command(group = ArgGroup::new("views").args(["curve", "per_window", "sizes", "csv"]).multiple(true))]
#[command(group = ArgGroup::new("tuned").args(["profile", "executor"]).multiple(true))]
#[command(after_help = "\
Examples:
  host sim trace.lis.zst --policy lru,lfu,arc,belady --capacity 1000,1%,10%
  host sim trace.bin.zst --policy lru --capacity 64MB --csv
  host sim trace.lis.zst --policy 'lirs,lirs(hir=0.1, ghosts=4)'
  host sim trace.lis.zst --policy sieve,plugin:sieve,./mine.wasm
  host sim trace.lis.zst --curve --plot curve.svg
  host sim trace.lis.zst --curve --capacity 1000..50000 --policy lru,arc,belady
  host sim trace.lis.zst --per-window 10000 --capacity 5% --plot windows.svg
  host sim trace.bin.zst --sizes --capacity 1%,10%
  host sim trace.lis.zst --profile medium --capacity 10%
  host sim --profile medium                       the built-in workload, in virtual time
  host sim --executor knee-shallow --sweep        beside the best fixed number of workers
  host sim --executor mine.toml --plugin mine.wasm --workers 1 --against 40
")]
pub(crate) struct Sim {
    /// A trace, in any of the formats that `host trace --help` lists. Without one the control loop runs over the built-in
    /// workload.
    trace: Option<PathBuf>,

    // Every policy there is, so that none is missing here when there is another.
    #[arg(
        help = format!(
            "Policies to replay, with parameters in parentheses where they have some, lirs(hir=0.1): {} (the offline \
             optimum); or components: plugin:NAME for a bundled one, or the path of a .wasm file [default: {}; with \
             --curve {}]",
            Method::names(&policies()).join(", "), listed(&POLICIES), listed(&CURVES)
        ),
        long,
        value_name = "LIST",
        value_parser = methods,
        hide_default_value = true,
        conflicts_with = "profile"
    )]
    policy: Vec<Methods>,

    /// Capacities: objects (1000), percent of the distinct keys (1%) or bytes (64MB) [default:
    /// 0.1%,1%,10%; with --per-window 10%]. With --curve also a range (1%..50%) [default: 0.1%..100%].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    capacity: Vec<Span>,

    /// Miss-ratio curves: a table over 20 capacities with equal factors between them.
    #[arg(long, conflicts_with = "profile", help_heading = "Views")]
    curve: bool,

    /// Hit ratio over time: a table over windows of N requests, at one capacity.
    #[arg(long, value_name = "N", conflicts_with = "profile", help_heading = "Views")]
    per_window: Option<NonZeroU64>,

    /// With --curve or --per-window: draw it as well, to this SVG file.
    #[arg(long, value_name = "FILE.svg", requires = "view", help_heading = "Views")]
    plot: Option<PathBuf>,

    /// Byte miss ratios beside those by object, and percent of the bytes of the distinct keys.
    #[arg(long, conflicts_with = "profile", help_heading = "Views")]
    sizes: bool,

    /// Print comma-separated values instead of a table.
    #[arg(long, conflicts_with_all = ["json", "profile"], help_heading = "Views")]
    csv: bool,

    /// Print one JSON object instead of a table.
    #[arg(long, help_heading = "Views")]
    json: bool,

    /// Run the control loop of this profile instead: a bundled profile or a TOML file.
    #[arg(long, short, value_name = "NAME|FILE")]
    profile: Option<String>,

    /// With --profile: size of an object of a trace that gives none. In bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..=1 << 30))]
    object_size: u32,

    /// With --profile: what sizes and the capacity are counted in. In objects every object counts as one.
    #[arg(long, value_name = "UNIT", default_value = "bytes")]
    unit: UnitArgument,

    /// With --profile: requests from tick to tick [default: the profile's control.tick-requests; 250
    /// where that is 0].
    #[arg(long, value_name = "N", requires = "profile", value_parser = clap::value_parser!(u64).range(1..))]
    tick_requests: Option<u64>,

    /// With --profile: virtual time that the origin takes for an object.
    #[arg(long, value_name = "TIME", default_value = "1ms", value_parser = humantime::parse_duration)]
    origin_latency: Duration,

    /// With --profile: loads that the origin works on at once, prefetches among them; others wait [default: any number].
    #[arg(long, value_name = "N", requires = "profile", value_parser = clap::value_parser!(u32).range(1..))]
    origin_slots: Option<u32>,

    /// With --profile or --executor: seed of all random numbers [default: 1; with --executor the scenario's].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// With --profile or --executor: write every proposal, decision and effect to this file, one JSON object a line.
    #[arg(long, value_name = "FILE", requires = "tuned")]
    ledger: Option<PathBuf>,

    /// With --profile: load what was hot before the first request: the hottest keys of a file that --save-hot wrote, or of a
    /// recording. Only into room that nobody needs. Brings --set prefetch.mode=full with it.
    #[arg(long, value_name = "FILE", requires = "profile")]
    warm: Option<PathBuf>,

    /// With --profile: save the hottest keys, for --warm. A profile's prefetch.save-hot is left to host run.
    #[arg(long, value_name = "FILE", requires = "profile")]
    save_hot: Option<PathBuf>,

    /// With --profile: keep what strategies learn in this folder, and begin with what is there. Without it they begin with nothing
    /// and leave nothing: a profile's plugins.state-dir is left to host run.
    #[arg(long, value_name = "DIR", requires = "profile")]
    state_dir: Option<PathBuf>,

    // Last, because their headings hold for what follows.
    #[command(flatten)]
    executor: Executor,

    #[command(flatten)]
    above: Above,

    #[command(flatten)]
    format: TraceFormat,
}

/// What sizes and capacities are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum UnitArgument {
    Bytes,
    Objects,
}

impl From<UnitArgument> for Unit {
    fn from(unit: UnitArgument) -> Self {
        match unit {
            UnitArgument::Bytes => Self::Bytes,
            UnitArgument::Objects => Self::Objects,
        }
    }
}

/// What is shown of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum View {
    /// Policies by capacities.
    Table,
    /// Capacities by policies.
    Curve,
    /// Windows by policies.
    Windows(NonZeroU64),
}

/// Requests from tick to tick where the profile ticks by time alone. Few, so that there are enough ticks to learn in a
/// short trace; in virtual time a tick costs next to nothing.
pub(crate) const TICK_REQUESTS: u64 = 250;

/// The profile of a run without a trace, where none is given.
const WITHOUT_TRACE: &str = "medium";

/// The seed where none is given.
pub(crate) const SEED: u64 = 1;

/// The policies replayed where none is named.
const POLICIES: [Method; 3] =
    [Method::Policy(builtin::LRU), Method::Policy(builtin::LFU), Method::Policy(builtin::ARC)];

/// The policies of a curve where none is named: as many as can be told apart in a chart, from the oldest to the newest.
const CURVES: [Method; 7] = [
    Method::Policy(builtin::LRU),
    Method::Policy(builtin::LFU),
    Method::Policy(builtin::ARC),
    Method::Policy(builtin::W_TINYLFU),
    Method::Policy(builtin::S3_FIFO),
    Method::Policy(builtin::SIEVE),
    Method::Belady,
];

/// An error about the file that `--plot` names.
fn of_plot(error: PlotError) -> Failure {
    format!("--plot {error}").into()
}

/// Half of the memory that this process may use; the simulated caches and other processes need the rest.
pub(crate) fn half_of_memory() -> u64 {
    match Machine::read(Path::new(".")).memory_limit_bytes {
        0 => u64::MAX, // not known
        limit => limit / 2,
    }
}

fn listed(methods: &[Method]) -> String {
    methods.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Sim {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        if let Some(scenario) = &self.executor.executor {
            let profile = self.profile.as_deref().unwrap_or(WITHOUT_TRACE);
            let (settings, _) = self.above.load_for_virtual_time(profile)?;
            return self.executor.play(scenario, settings, self.seed, self.ledger.clone(), self.json);
        }
        match (self.trace.clone(), &self.profile) {
            (Some(trace), None) => self.exact(&trace),
            (_, Some(profile)) => self.control_loop(profile),
            (None, None) if !self.policy.is_empty() || self.curve || self.per_window.is_some() => {
                Err("policies are replayed over a trace: give one, for example host sim trace.lis.zst".into())
            }
            (None, None) => self.control_loop(WITHOUT_TRACE),
        }
    }

    fn exact(&self, trace: &Path) -> Result<End, Failure> {
        let view = self.view();
        let capacities = self.capacities(view)?;
        let methods = self.methods(view, &capacities)?;
        // Opened before minutes of replays, so that an unusable file is reported at once.
        let plot = self.plot.as_deref().map(PlotFile::open).transpose().map_err(of_plot)?;
        let stop = stop_on_ctrl_c()?;
        announce_waiting(trace);
        let trace = TraceReader::open(trace, &self.format.options())?;
        let per_window = if let View::Windows(length) = view { Some(length) } else { None };
        let memory = MemoryLimit::Ask(half_of_memory);
        let options = Options { sizes: self.sizes, per_window, memory, ..Options::default() };
        let observer = Watched { terminal: &Terminal::new(true), stop: &stop };
        let simulation = simulate(trace, &methods, &capacities, &options, &observer)?;
        let grid = Grid::new(&simulation, &methods, &capacities, self.sizes);
        let grid = if view == View::Curve { grid.without_repeats() } else { grid };
        // Written first, because printing fails where standard output was closed.
        if let Some(file) = plot {
            let chart = match view {
                View::Windows(length) => format::plot::windows(&grid, length),
                View::Curve | View::Table => format::plot::curves(&grid, self.sizes),
            };
            host_plot::svg(&chart).and_then(|svg| file.write(&svg)).map_err(of_plot)?;
        }
        self.print(view, &grid)?;
        Ok(if simulation.interrupted { End::Interrupted } else { End::Done })
    }

    fn print(&self, view: View, grid: &Grid<'_>) -> Result<(), Failure> {
        if self.json {
            let rows = grid.rows().cloned().collect();
            return print_json(&Simulation { rows, ..grid.simulation.clone() });
        }
        match (view, self.csv) {
            (View::Windows(_), true) => format::window::csv(grid),
            (View::Table | View::Curve, true) => format::simulation::csv(grid, self.sizes),
            (View::Windows(length), false) => format::window::print(grid, length, self.sizes),
            (View::Curve, false) => format::curve::print(grid, self.sizes),
            (View::Table, false) => format::simulation::table(grid, self.sizes),
        }
    }

    fn view(&self) -> View {
        match self.per_window {
            Some(length) => View::Windows(length),
            None if self.curve => View::Curve,
            None => View::Table,
        }
    }

    /// The policies named; else the usual ones that this build has, and the limit where a curve can have it.
    fn methods(&self, view: View, capacities: &[Capacity]) -> Result<Vec<Method>, Failure> {
        let in_bytes = capacities.iter().find(|capacity| capacity.in_bytes(self.sizes));
        let named: Vec<Method> = self.policy.iter().flat_map(|Methods(methods)| methods).cloned().collect();
        if !named.is_empty() {
            return match in_bytes {
                Some(Capacity::Percent(_)) if named.contains(&Method::Belady) => {
                    Err("with --sizes percent mean bytes, which belady cannot weigh: \
                         leave belady out, or give --capacity in objects"
                        .into())
                }
                _ => Ok(named),
            };
        }
        let mut methods = if view == View::Curve { CURVES.to_vec() } else { POLICIES.to_vec() };
        methods.retain(|method| *method != Method::Belady || in_bytes.is_none());
        Ok(methods)
    }

    fn capacities(&self, view: View) -> Result<Vec<Capacity>, Failure> {
        let asked = match view {
            _ if !self.capacity.is_empty() => self.capacity.clone(),
            View::Table => [0.1, 1.0, 10.0].map(|percent| Span::One(Capacity::Percent(percent))).to_vec(),
            View::Curve => vec![Span::WHOLE],
            View::Windows(_) => vec![Span::One(Capacity::Percent(10.0))],
        };
        if view != View::Curve && asked.iter().any(|span| matches!(span, Span::Range(..))) {
            return Err(
                "a range of capacities is for --curve; without it list them: --capacity 1%,10%".into()
            );
        }
        let capacities: Vec<Capacity> = asked.into_iter().flat_map(Span::capacities).collect();
        let in_bytes = capacities.iter().filter(|capacity| capacity.in_bytes(self.sizes)).count();
        match view {
            View::Windows(_) if capacities.len() != 1 => {
                Err("with --per-window give one --capacity, for example --capacity 10%".into())
            }
            View::Curve if in_bytes != 0 && in_bytes != capacities.len() => {
                Err("a curve has one axis: give --capacity in bytes or in objects, not both".into())
            }
            _ => Ok(capacities),
        }
    }

    fn control_loop(&self, profile: &str) -> Result<End, Failure> {
        let capacity = match self.capacity.as_slice() {
            [] => None,
            [Span::One(capacity)] => Some(*capacity),
            _ => return Err("with --profile give one --capacity, for example --capacity 10%".into()),
        };
        let stop = stop_on_ctrl_c()?;
        let above = self.above.warmed(self.warm.is_some());
        let (settings, policies) = above.load_for_virtual_time(profile)?;
        let of_profile = Some(settings.control.tick_requests).filter(|requests| *requests > 0);
        let tick_requests = self.tick_requests.or(of_profile).unwrap_or(TICK_REQUESTS);
        let options = VirtualOptions {
            settings,
            policies,
            input: match &self.trace {
                None => VirtualInput::BuiltIn,
                Some(trace) => VirtualInput::Trace(trace.clone(), self.format.options()),
            },
            capacity,
            unit: self.unit.into(),
            object_size: self.object_size,
            tick_requests,
            origin_latency: self.origin_latency,
            origin_slots: self.origin_slots,
            memory: MemoryLimit::Ask(half_of_memory),
            seed: self.seed.unwrap_or(SEED),
            ledger: self.ledger.clone(),
            warm: self.warm.clone(),
            save_hot: self.save_hot.clone(),
            state_dir: self.state_dir.clone(),
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
