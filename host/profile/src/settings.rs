//! The typed settings that a run is made from.

mod fill;
mod tiers;

pub use tiers::{Compression, DiskSettings, RemoteSettings, TierSettings, WarmSettings};

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use host_contract::nearest::nearest;
use host_contract::{Dial, Grant, Objective};
use serde::Serialize;

use crate::bytes::Bytes;
use crate::dials::DialSettings;
use crate::error::ProfileError;
use crate::schema::Path;

/// Everything a run starts from: checked, clamped to the machine, consistent.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Settings {
    /// The profile as it was named ("medium", "medium+cpu-constrained", a path); "default" for none.
    pub profile: String,
    /// The profile's one line.
    pub summary: String,
    /// What strategies should aim for.
    pub optimise: Objective,
    /// Limits over all parts.
    pub memory: MemorySettings,
    /// The cache.
    pub cache: CacheSettings,
    /// The pools.
    pub executor: ExecutorSettings,
    /// Prefetching.
    pub prefetch: PrefetchSettings,
    /// The control loop.
    pub control: ControlSettings,
    /// Where each dial starts, within which bounds strategies may move it, and how rival proposals are settled. The
    /// starts and bounds that have a field of their own above have the same value here.
    pub dials: BTreeMap<Dial, DialSettings>,
    /// What one tick of a strategy may use whose own table says nothing else.
    pub limits: LimitSettings,
    /// What one instance of an eviction policy that is a component may use.
    pub policy_limits: PolicyLimitSettings,
    /// Where further components are found, and what compiling one may take.
    pub plugins: PluginSettings,
    /// How clients are served.
    pub serve: ServeSettings,
    /// Where values go that memory does not hold.
    pub tiers: TierSettings,
    /// The strategies that have a table, by name, those switched off included.
    pub strategies: Vec<StrategySettings>,
    /// One sentence for each value that was lowered to the machine or to the cap.
    pub notes: Vec<String>,
    /// The files that were read, in the order of the layers: what is to be read again when one of them changes.
    pub files: Vec<PathBuf>,
    rows: Vec<Row>,
    portable: Vec<String>,
}

/// How clients are served.
#[derive(Debug, Clone, PartialEq)]
pub struct ServeSettings {
    /// Address for clients of Redis.
    pub resp: Option<String>,
    /// Path of a socket.
    pub unix: Option<PathBuf>,
    /// Address for HTTP.
    pub http: Option<String>,
    /// Certificate of the server, in PEM.
    pub tls_cert: Option<PathBuf>,
    /// Its private key, in PEM.
    pub tls_key: Option<PathBuf>,
    /// Certificates that those of clients have to be signed with, in PEM.
    pub tls_client_ca: Option<PathBuf>,
    /// What clients have to give first; empty: nothing.
    pub password: String,
    /// Threads that serve; 0: one for each core.
    pub threads: u32,
    /// Clients at once.
    pub max_clients: u32,
    /// A client that has sent nothing for so long is turned away; zero: none is.
    pub idle_timeout: Duration,
    /// Arguments of one command.
    pub max_arguments: u32,
    /// Bytes of one argument.
    pub max_bulk: Bytes,
    /// Bytes that may wait for one client.
    pub max_output: Bytes,
    /// Commands that take as long are in the slow log.
    pub slow_log: Duration,
    /// Entries of the slow log.
    pub slow_log_entries: u32,
    /// Whether clients may call DEBUG, which is for tests.
    pub debug_commands: bool,
}

/// Limits over all parts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemorySettings {
    /// What the cache may hold, whatever else is configured or proposed.
    pub cap: Bytes,
    /// Share of the memory that is to stay free: it is short where less is.
    pub keep_free: f64,
    /// Share of the last 10 s in which some task waited for memory from which on it is short.
    pub pressure: f64,
    /// Whether `host serve` puts huge pages under what it holds, where Linux can.
    pub huge_pages: bool,
}

/// The cache.
#[derive(Debug, Clone, PartialEq)]
pub struct CacheSettings {
    /// The eviction policy to start with: a name of [`crate::Loader::policies`].
    pub policy: String,
    /// The native policy that takes over from one that fails.
    pub fallback_policy: String,
    /// What the cache may hold at the start.
    pub capacity: Bytes,
    /// The least to which a strategy may shrink it; at most `capacity`.
    pub min_capacity: Bytes,
    /// The most to which a strategy may grow it; at least `capacity`.
    pub max_capacity: Bytes,
    /// Whether other policies and capacities are estimated on a sample of the requests.
    pub shadows: bool,
    /// Policies that the shadows may follow at once, 1 to 16: each costs a shadow for every capacity followed.
    pub shadow_policies: u32,
    /// Share of the requests that the operator wants served without a load; none where there is no such wish.
    pub hit_ratio_target: Option<f64>,
}

/// The pools. Of each number of workers `min <= start <= max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutorSettings {
    /// CPU threads at the start.
    pub cpu_workers: u32,
    /// Fewest CPU threads, at least 1.
    pub min_cpu_workers: u32,
    /// Most CPU threads.
    pub max_cpu_workers: u32,
    /// IO tasks run at once at the start.
    pub io_workers: u32,
    /// Fewest IO tasks, at least 1.
    pub min_io_workers: u32,
    /// Most IO tasks.
    pub max_io_workers: u32,
    /// Tasks that may wait in each pool's queue; a submitter waits while it is full. At least 1.
    pub queue: u32,
    /// Latency target of a task, from submission to end, which strategies can read. None: no target.
    pub latency_target: Option<Duration>,
    /// Whether CPU threads are pinned to cores.
    pub affinity: AffinityMode,
    /// What tasks of a priority are sure of.
    pub shares: ShareSettings,
}

/// What of the workers' time tasks of each priority are sure of, in percent: 1 to 98 each, 100 together at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShareSettings {
    /// Of high priority.
    pub high: u32,
    /// Of normal priority.
    pub normal: u32,
    /// Of low priority.
    pub low: u32,
}

/// Whether CPU threads are pinned to cores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum AffinityMode {
    /// The system moves them as it likes.
    #[default]
    None,
    /// Each to a core that the process may use, in turns over the NUMA nodes.
    Cores,
}

impl AffinityMode {
    /// The names, in the order of the modes.
    pub(crate) const NAMES: [&str; 2] = ["none", "cores"];

    /// The mode of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let modes = [Self::None, Self::Cores];
        Self::NAMES.iter().zip(modes).find_map(|(known, mode)| (*known == name).then_some(mode))
    }
}

/// What is loaded before it is asked for. Each takes what the one before it takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PrefetchMode {
    /// Nothing.
    OnDemand,
    /// What continues the order of what is being read: runs, streams, repetitions.
    Progressive,
    /// Also what belongs to a key in whatever order: associations, those that the host mines among them.
    #[default]
    Predictive,
    /// Also what was asked for most in a recording or the last run, in quiet periods.
    Full,
}

impl PrefetchMode {
    /// The names, in the order of the modes.
    pub(crate) const NAMES: [&str; 4] = ["on-demand", "progressive", "predictive", "full"];

    /// The mode of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let modes = [Self::OnDemand, Self::Progressive, Self::Predictive, Self::Full];
        Self::NAMES.iter().zip(modes).find_map(|(known, mode)| (*known == name).then_some(mode))
    }

    /// Its name in a profile.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::Progressive => "progressive",
            Self::Predictive => "predictive",
            Self::Full => "full",
        }
    }
}

/// Prefetching.
#[derive(Debug, Clone, PartialEq)]
pub struct PrefetchSettings {
    /// What is loaded before it is asked for.
    pub mode: PrefetchMode,
    /// With [`PrefetchMode::Full`]: a file of hot keys or a recording to warm from, which need not be there yet.
    pub warm: Option<PathBuf>,
    /// Where the hottest keys are saved at the end of a run.
    pub save_hot: Option<PathBuf>,
    /// Loads under way at once, at the start; 0 to `max_in_flight_limit`.
    pub max_in_flight: u32,
    /// The most a strategy may raise it to.
    pub max_in_flight_limit: u32,
    /// Share of the cache that prefetched entries may take until they are requested, 0.0 to 0.5.
    pub cache_share: f64,
    /// Rules installed at once.
    pub max_rules: u32,
}

/// The control loop.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlSettings {
    /// Whether strategies are consulted at all.
    pub enabled: bool,
    /// Time from tick to tick, above 0.
    pub tick: Duration,
    /// A tick also after this many requests; 0: by time only. Choosing a policy takes some ticks, so that a short trace
    /// gains where this is small; much under 500, a window holds too little of a run of keys for a prefetcher.
    pub tick_requests: u64,
    /// Ticks for which a dial rests after a change.
    pub cool_down_ticks: u64,
    /// Whether the requests that strategies are shown go on the ledger.
    pub record_requests: bool,
    /// How decisions are judged, and whether what lost is undone.
    pub judge: JudgeSettings,
}

/// How decisions are judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JudgeSettings {
    /// Whether decisions are tried against what they left, and undone where they lost. Otherwise they are measured only.
    pub enabled: bool,
    /// Ticks after which the shadows judge a decision, at least 1.
    pub after_ticks: u64,
    /// Ticks for which a dial without a shadow stands still before it is tried, at least 1.
    pub settle_ticks: u64,
    /// Ticks at the begin of a block that do not count.
    pub wash_in_ticks: u64,
    /// Ticks of a block that count, at least 1.
    pub block_ticks: u64,
    /// Most blocks of a trial, at least 2.
    pub blocks: u64,
    /// Share of the time that returns to a worse setting may cost, 0.001 to 1.0.
    pub cost: f64,
}

/// What one tick of one strategy may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// Units of fuel, about one a wasm instruction.
    pub fuel: u64,
    /// Wall time.
    pub deadline: Duration,
    /// Linear memory of the component.
    pub memory: Bytes,
    /// Elements over all tables of the component.
    pub table_elements: u64,
    /// Core instances in the component, at least 1.
    pub instances: u32,
    /// Wall time for the start of a component: instantiation and `describe`.
    pub start_deadline: Duration,
    /// Messages that are kept of one tick.
    pub log_lines: u32,
    /// Bytes of messages that are kept of one tick.
    pub log_bytes: Bytes,
    /// Proposals that are heard of one tick.
    pub proposals: u32,
    /// Keys under which a strategy may keep what it has learnt.
    pub state_keys: u32,
    /// Bytes of what it may keep, keys and values together.
    pub state_bytes: Bytes,
}

/// What one instance of an eviction policy that is a component may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLimitSettings {
    /// Units of fuel for what its calls make the host do while it works on one batch.
    pub fuel: u64,
    /// Wall time for one batch.
    pub deadline: Duration,
    /// Linear memory.
    pub memory: Bytes,
    /// Elements over all tables.
    pub table_elements: u64,
    /// Core instances in the component, at least 1.
    pub instances: u32,
    /// Wall time for the start of an instance, and for opening it.
    pub start_deadline: Duration,
    /// Messages that are kept of one batch.
    pub log_lines: u32,
    /// Bytes of messages that are kept of one batch.
    pub log_bytes: Bytes,
}

/// Where further components are found, and what compiling one may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginSettings {
    /// A folder of `.wasm` files, which need not exist; none where none is set and the user has no home.
    pub dir: Option<PathBuf>,
    /// A folder for what strategies have learnt, for the next run in wall time; none where it is to last for one run.
    pub state_dir: Option<PathBuf>,
    /// The lock file of that folder; none where it is `host-plugins.lock` in the folder, if that is there.
    pub lock: Option<PathBuf>,
    /// The eviction policies of which one component alone is taken, by name.
    pub pins: Vec<PolicyPin>,
    /// Memory that compiling one component may take.
    pub compile_memory: Bytes,
    /// What compiled components may take on disk. Beyond it, those that were used longest ago go.
    pub cache_size: Bytes,
    /// Time that compiling one component may take.
    pub compile_time: Duration,
    /// Whether a strategy that cannot start ends the run before it begins.
    pub strict: bool,
}

/// The one component that an eviction policy may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyPin {
    /// Its name with `plugin:`, and with `-` where the profile writes `_`.
    pub policy: String,
    /// The digest of the file: 64 hexadecimal digits, lower case.
    pub sha256: String,
    pub(crate) place: String,
}

impl PolicyPin {
    /// Its key, as a file has it.
    #[must_use]
    pub fn key(&self) -> String {
        Path::Pin(self.policy.clone()).to_string()
    }
}

/// What becomes of what a strategy proposes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StrategyMode {
    /// It is applied, as the arbitration has it.
    #[default]
    Active,
    /// It is recorded, and judged where that can be done without applying it. Nothing is changed.
    Shadow,
}

impl StrategyMode {
    /// The names, in the order of the modes.
    pub(crate) const NAMES: [&str; 2] = ["active", "shadow"];

    /// The mode of that name.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::NAMES
            .iter()
            .zip([Self::Active, Self::Shadow])
            .find_map(|(known, mode)| (*known == name).then_some(mode))
    }
}

/// One strategy's table.
#[derive(Debug, Clone, PartialEq)]
pub struct StrategySettings {
    /// The name that the strategy gives itself, with `-` where the profile writes `_`.
    pub name: String,
    /// Whether it is loaded.
    pub enabled: bool,
    /// Whether a run begins without it where its file is not in the plugin directory yet.
    pub optional: bool,
    /// What becomes of what it proposes.
    pub mode: StrategyMode,
    /// Its weight where rivals are settled by priority: higher wins. 0 to 1,000.
    pub priority: u32,
    /// What it may import.
    pub grants: Vec<Grant>,
    /// The digest of the one file that it may be: 64 hexadecimal digits, lower case; any where none is given.
    pub sha256: Option<String>,
    /// What one tick of it may use: its own limits where its table gives them, those of `[limits]` elsewhere.
    pub limits: LimitSettings,
    /// Its own settings, each as text, by names with `-`.
    pub settings: BTreeMap<String, String>,
    /// Where it is named first ("default", "file host.toml:3"), for error texts.
    pub source: String,
    place: String,
}

impl StrategySettings {
    /// Whether it may import this.
    #[must_use]
    pub fn grants(&self, grant: Grant) -> bool {
        self.grants.contains(&grant)
    }
}

/// One key as `host profile show` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The key with its tables, with dots.
    pub key: String,
    /// The value in force.
    pub value: String,
    /// The layer it comes from, with file and line where there is one.
    pub source: String,
    /// Whether that layer is the user's.
    #[serde(skip)]
    pub(crate) is_users: bool,
}

impl Settings {
    /// Every key with value and source, in the order of the schema.
    #[must_use]
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Every value that means the same on another machine, as [`Loader::set`](crate::Loader::set) reads it to be the very same:
    /// all but paths, addresses, passwords and what is accepted of components.
    #[must_use]
    pub fn portable(&self) -> &[String] {
        &self.portable
    }

    /// The keys that have another value in `other`, or stand in one of the two alone, in the order of their names. A password
    /// that became another one is not among them: neither is printed.
    #[must_use]
    pub fn differing<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let values = |of: &'a Self| -> BTreeSet<(&'a str, &'a str)> {
            of.rows.iter().map(|row| (row.key.as_str(), row.value.as_str())).collect()
        };
        let keys: BTreeSet<&str> =
            values(self).symmetric_difference(&values(other)).map(|(key, _)| *key).collect();
        keys.into_iter().collect()
    }

    /// Where the value of a key comes from: "default", "profile medium", "overlay cpu-constrained",
    /// "file ./host.toml:12", "environment HOST_CACHE_CAPACITY", "flag --set", "memory.cap", "machine".
    #[must_use]
    pub fn source(&self, key: &str) -> Option<&str> {
        self.rows.iter().find(|row| row.key == key).map(|row| row.source.as_str())
    }

    /// Whether the value of a key was written down for this run: in a file, in the environment or as a flag, and is not that of a
    /// bundled profile or the machine.
    #[must_use]
    pub fn is_named_by_the_user(&self, key: &str) -> bool {
        self.rows.iter().any(|row| row.key == key && row.is_users)
    }

    /// The table of the strategy of that name.
    #[must_use]
    pub fn strategy(&self, name: &str) -> Option<&StrategySettings> {
        self.strategies.iter().find(|strategy| strategy.name == name)
    }

    /// Checks that each pin of a policy belongs to one that was found: one that is misspelt would pin nothing. `known` are
    /// the names of the policies, with `plugin:`.
    ///
    /// # Errors
    /// [`ProfileError::UnknownPin`] for the first pin without a policy.
    pub fn check_pins<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Result<(), ProfileError> {
        let known: Vec<_> = known.into_iter().collect();
        let Some(stray) = self.plugins.pins.iter().find(|pin| !known.contains(&pin.policy.as_str())) else {
            return Ok(());
        };
        Err(ProfileError::UnknownPin {
            place: stray.place.clone(),
            key: stray.key(),
            nearest: nearest(&stray.policy, known.iter().copied()).map(str::to_owned),
            expected: format!("there are {}", known.join(", ")),
        })
    }

    /// Checks that each strategy's table belongs to a component that was found, or is of one that may be put into the plugin
    /// directory later. `known` are the names that these give themselves, bundled ones included.
    ///
    /// # Errors
    /// [`ProfileError::UnknownStrategy`] for the first table without a component.
    pub fn check_strategies<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Result<(), ProfileError> {
        let known: Vec<_> = known.into_iter().collect();
        // Without a folder there is none in which it could be found later.
        let may_come = |strategy: &StrategySettings| strategy.optional && self.plugins.dir.is_some();
        let there = |strategy: &StrategySettings| known.contains(&strategy.name.as_str());
        let Some(stray) = self.strategies.iter().find(|strategy| !there(strategy) && !may_come(strategy))
        else {
            return Ok(());
        };
        let folder = match &self.plugins.dir {
            Some(dir) => format!(
                "components are looked for in {}; `optional = true` in its table lets a run begin without it",
                dir.display()
            ),
            None => "no folder of components is set: give plugins.dir".into(),
        };
        Err(ProfileError::UnknownStrategy {
            place: stray.place.clone(),
            name: stray.name.clone(),
            nearest: nearest(&stray.name, known.iter().copied()).map(str::to_owned),
            expected: format!("there are {}; {folder}", known.join(", ")),
        })
    }
}
