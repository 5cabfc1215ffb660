//! A scenario, as its TOML file has it.
//!
//! Every key that is not known is an error. Times are in milliseconds of virtual time, and carry the unit in their name.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::check;
use crate::error::ScenarioError;

/// A server, its clients, and how both change.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// One line: what it is about.
    pub summary: String,
    /// Where all chance comes from.
    pub seed: u64,
    /// Virtual time from tick to tick, ms.
    pub tick_ms: f64,
    /// The pool whose workers are sized.
    pub pool: PoolKind,
    /// The workers that there can be.
    pub workers: Workers,
    /// Cores that CPU work shares; none where no phase has any.
    pub cores: Option<u32>,
    /// One after the other; at least one.
    pub phases: Vec<Phase>,
}

/// The file before it is checked: the lines of its phases are still known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    name: String,
    summary: String,
    seed: u64,
    tick_ms: f64,
    pool: PoolKind,
    workers: Workers,
    cores: Option<u32>,
    phase: Vec<Spanned<Phase>>,
}

/// Which pool runs the tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// The IO pool: dial `io-workers`.
    Io,
    /// The CPU pool: dial `cpu-workers`.
    Cpu,
}

/// The least and the most workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workers {
    /// Fewest, at least 1.
    pub min: u32,
    /// Most.
    pub max: u32,
}

/// A time in which the scenario stays as it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Ticks that it lasts.
    pub ticks: u64,
    /// How requests come.
    pub arrivals: Arrivals,
    /// What serving one takes.
    pub service: Service,
}

/// How requests come.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Clients that wait for the answer before they ask again. A failure is tried again at once.
    Closed(Closed),
    /// At a steady rate, whatever becomes of them.
    Open(Open),
    /// At two rates in turns: a square wave.
    Bursts(Bursts),
    /// At a rate that follows a sine from `low` to `high` and back.
    Daily(Daily),
}

/// A fixed number of clients.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Closed {
    /// Clients.
    pub clients: u32,
    /// Mean time from an answer to the next request, ms; exponential.
    #[serde(default)]
    pub think_ms: f64,
}

/// A steady rate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Open {
    /// Requests a second.
    pub rate: f64,
    /// How they are spread.
    #[serde(default)]
    pub process: Process,
    /// Requests that may wait; one that comes beyond is lost.
    #[serde(default = "queue")]
    pub queue: u32,
}

/// Two rates in turns, the low one first.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Bursts {
    /// Requests a second between bursts.
    pub low: f64,
    /// Requests a second in a burst.
    pub high: f64,
    /// Ticks from burst to burst.
    pub off_ticks: u32,
    /// Ticks that a burst lasts.
    pub on_ticks: u32,
    /// How they are spread.
    #[serde(default)]
    pub process: Process,
    /// Requests that may wait; one that comes beyond is lost.
    #[serde(default = "queue")]
    pub queue: u32,
}

/// A sine.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Daily {
    /// Requests a second at the least, where it begins.
    pub low: f64,
    /// Requests a second at the most, half a period later.
    pub high: f64,
    /// Ticks of a period.
    pub period_ticks: u32,
    /// How they are spread.
    #[serde(default)]
    pub process: Process,
    /// Requests that may wait; one that comes beyond is lost.
    #[serde(default = "queue")]
    pub queue: u32,
}

/// How open arrivals are spread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    /// Independent of each other.
    #[default]
    Poisson,
    /// At equal distances.
    Even,
}

fn queue() -> u32 {
    1_000
}

/// What serving a request takes: a delay in which its worker waits, then work on a core. At least one of the two.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Service {
    /// Mean delay of a request that is served alone, ms.
    #[serde(default)]
    pub delay_ms: f64,
    /// How delay and CPU time vary from request to request; none: not at all.
    pub jitter: Option<Jitter>,
    /// The delay grows beyond so many in flight.
    pub knee: Option<Knee>,
    /// The delay grows with every one in flight.
    pub contention: Option<Contention>,
    /// Beyond so many in flight there is no answer.
    pub drop: Option<Drop>,
    /// Beyond so many in flight the server refuses.
    pub defer: Option<Defer>,
    /// The server takes so many a second.
    pub rate_limit: Option<RateLimit>,
    /// Work on a core after the delay.
    pub cpu: Option<Cpu>,
    /// Other processes on the cores.
    pub neighbour: Option<Neighbour>,
}

/// A factor on each request's delay and CPU time, of mean 1.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Jitter {
    /// Uniform, from 1 minus the number to 1 plus it.
    Uniform(f64),
    /// Normal, with the number as its deviation; never under 0.01.
    Normal(f64),
    /// Exponential.
    Exponential,
}

/// With n > `at` in flight the delay is (n / `at`) to the power of `exponent` times as long.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knee {
    /// The most in flight without a longer delay.
    pub at: u32,
    /// Above 1, throughput falls beyond the knee.
    pub exponent: f64,
}

/// The Universal Scalability Law (Gunther): with n in flight, 1 + sigma (n - 1) + kappa n (n - 1) times the delay.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contention {
    /// What waits for each other.
    pub sigma: f64,
    /// What each costs every other.
    pub kappa: f64,
}

/// A server that takes what it cannot serve and says nothing.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Drop {
    /// The most that it serves at once.
    pub at: u32,
    /// Time until the worker gives up: a failure.
    pub timeout_ms: f64,
}

/// A server that refuses what it cannot serve.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Defer {
    /// The most that it serves at once.
    pub at: u32,
    /// Time until the refusal is there: a failure.
    pub answer_ms: f64,
}

/// A server that takes so many a second.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct RateLimit {
    /// Requests a second.
    pub per_second: f64,
    /// Requests that it takes at once after a pause.
    #[serde(default = "burst")]
    pub burst: u32,
    /// What becomes of the others.
    pub beyond: Beyond,
}

fn burst() -> u32 {
    1
}

/// What becomes of a request beyond the rate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Beyond {
    /// It waits in the server, and keeps its worker.
    Wait,
    /// It is refused.
    Refuse(Refusal),
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Refusal {
    /// Time until it is there: a failure.
    pub answer_ms: f64,
}

/// Work on cores that all tasks share evenly.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Cpu {
    /// Mean time on a core that is free, ms.
    pub time_ms: f64,
    /// With k tasks on c cores, k > c, the cores do 1 / (1 + cost (k / c - 1)) of their work: caches and switches.
    #[serde(default)]
    pub switch_cost: f64,
}

/// Other processes, which take a share of the cores in turns with leaving them alone. Begins with `off_ticks`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Neighbour {
    /// Share of all cores, above 0.0, at most 0.95.
    pub share: f64,
    /// Ticks without it; 0: it is always there.
    pub off_ticks: u32,
    /// Ticks with it.
    pub on_ticks: u32,
}

impl Scenario {
    /// Reads a file.
    ///
    /// # Errors
    /// [`ScenarioError`]: it cannot be read, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ScenarioError::Read { path: path.to_owned(), source })?;
        Self::from_text(&path.display().to_string(), &text)
    }

    /// Reads the text of a file that is called `file` in errors.
    ///
    /// # Errors
    /// [`ScenarioError`]: something in it is wrong.
    pub fn from_text(file: &str, text: &str) -> Result<Self, ScenarioError> {
        let place = |at: usize| {
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            format!("{file}:{line}")
        };
        let written: File = toml::from_str(text).map_err(|error| ScenarioError::Syntax {
            place: error.span().map_or_else(|| file.to_owned(), |span| place(span.start)),
            message: error.message().to_owned(),
        })?;
        let lines: Vec<String> = written.phase.iter().map(|phase| place(phase.span().start)).collect();
        let scenario = Self {
            name: written.name,
            summary: written.summary,
            seed: written.seed,
            tick_ms: written.tick_ms,
            pool: written.pool,
            workers: written.workers,
            cores: written.cores,
            phases: written.phase.into_iter().map(Spanned::into_inner).collect(),
        };
        check::check(&scenario, file, &lines)?;
        Ok(scenario)
    }

    /// Ticks of all phases.
    #[must_use]
    pub fn ticks(&self) -> u64 {
        self.phases.iter().map(|phase| phase.ticks).sum()
    }
}

#[cfg(test)]
mod tests;
