//! What became of the jobs of a batch.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use host_contract::Latency;
use host_contract::number::{per_second, ratio};
use host_control::Status;
use host_control::ledger::Decision;
use host_workload::commands::Command;
use parking_lot::Mutex;
use serde::Serialize;

use super::job::{Ending, Ran};
use crate::report::Cost;

/// Failed jobs that a report names.
const FAILED: usize = 10;

/// What came of a batch.
#[derive(Debug, Clone, Default, Serialize)]
pub struct BatchReport {
    /// Name of the profile.
    pub profile: String,
    /// Where the commands came from.
    pub name: String,
    /// Commands in the list.
    pub commands: u64,
    /// Of them, those that had succeeded before, by the job log, and were left out.
    pub done_before: u64,
    /// Of them, those that succeeded now.
    pub ok: u64,
    /// Of them, those that failed, after what was tried again.
    pub failed: u64,
    /// Of them, those that were not begun, because the batch was ended.
    pub not_run: u64,
    /// Tries beyond the first.
    pub retries: u64,
    /// Time from the first to the end of the last.
    pub seconds: f64,
    /// Jobs that ended in a second.
    pub per_second: f64,
    /// CPU time of all jobs. Seconds.
    pub cpu_seconds: f64,
    /// The most that a process of a job held. Bytes. None where none held more than the host itself.
    pub peak_bytes: Option<u64>,
    /// Jobs at once at the start, and at the end.
    pub at_once: (u32, u32),
    /// By program, in the order in which they came.
    pub kinds: Vec<Kind>,
    /// The first that failed.
    pub examples: Vec<Failed>,
    /// Every change of a dial.
    pub decisions: Vec<Decision>,
    /// Where each strategy stands at the end, and what happened to it; those that could not be started come first.
    pub strategies: Vec<Status>,
    /// What tuning cost.
    pub cost: Cost,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Whether one that failed has ended the batch.
    pub halted: bool,
    /// Whether Ctrl-C has.
    pub interrupted: bool,
}

/// The jobs of one program.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// Tries that succeeded, and others.
    pub ok: u64,
    /// Those that did not.
    pub failed: u64,
    /// `ok` of all tries, 0.0 to 1.0; none without a try.
    pub success_rate: Option<f64>,
    /// CPU time over time from start to end; above 1.0 where a job uses several cores.
    pub cpu_share: f64,
    /// The most that a process of one held. Bytes. None where none held more than the host itself.
    pub peak_bytes: Option<u64>,
    /// Time from start to end of the last that ended. Seconds.
    pub latest: f64,
    /// The mean of all. Seconds.
    pub mean: f64,
    /// Their median. Seconds.
    pub p50: f64,
    /// Their 95th percentile. Seconds.
    pub p95: f64,
    /// Their 99th percentile. Seconds.
    pub p99: f64,
}

/// A job that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// Its line.
    pub line: u64,
    /// How it ended.
    pub ending: Ending,
    /// The command.
    pub command: String,
}

/// Figures of jobs as they end.
#[derive(Debug)]
pub(super) struct Tally {
    ended: AtomicUsize,
    /// Sum of what jobs held at most, and their number.
    memory: [AtomicU64; 2],
    figures: Mutex<Figures>,
}

#[derive(Debug, Default)]
struct Figures {
    ok: u64,
    failed: u64,
    retries: u64,
    kinds: Vec<OfKind>,
    examples: Vec<Failed>,
}

#[derive(Debug, Default, Clone)]
struct OfKind {
    ok: u64,
    failed: u64,
    cpu: Duration,
    wall: Duration,
    latest: Duration,
    peak_bytes: Option<u64>,
    times: Latency,
}

impl Tally {
    pub(super) fn new(kinds: &[String]) -> Self {
        let figures = Figures { kinds: vec![OfKind::default(); kinds.len()], ..Figures::default() };
        Self { ended: AtomicUsize::new(0), memory: Default::default(), figures: Mutex::new(figures) }
    }

    /// Notes a try; `again` where the job is run once more.
    pub(super) fn ran(&self, command: &Command, ran: &Ran, again: bool) {
        let [sum, jobs] = &self.memory;
        sum.fetch_add(ran.peak_bytes.unwrap_or(0), Ordering::Relaxed);
        jobs.fetch_add(1, Ordering::Relaxed);
        let ok = ran.ending == Ending::Ok;
        let mut figures = self.figures.lock();
        if let Some(kind) = figures.kinds.get_mut(command.kind) {
            kind.ok += u64::from(ok);
            kind.failed += u64::from(!ok);
            kind.cpu += ran.cpu;
            kind.wall += ran.wall;
            kind.latest = ran.wall;
            kind.peak_bytes = kind.peak_bytes.max(ran.peak_bytes);
            kind.times.record(ran.wall);
        }
        if again {
            figures.retries += 1;
            return;
        }
        figures.ok += u64::from(ok);
        figures.failed += u64::from(!ok);
        if !ok && figures.examples.len() < FAILED {
            let command_text = command.text.to_string_lossy().into_owned();
            let ending = ran.ending.clone();
            figures.examples.push(Failed { line: command.line, ending, command: command_text });
        }
    }

    /// A job has ended for good, or was not begun. How many have.
    pub(super) fn end_one(&self) -> usize {
        self.ended.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Jobs that have ended for good, or were not begun.
    pub(super) fn ended(&self) -> usize {
        self.ended.load(Ordering::Relaxed)
    }

    /// What a job has held at most, on average: bytes; one of which that is not known counts as none. None before one has ended.
    pub(super) fn memory_of_a_job(&self) -> Option<u64> {
        let [sum, jobs] = &self.memory;
        sum.load(Ordering::Relaxed).checked_div(jobs.load(Ordering::Relaxed))
    }

    /// The part of the report that follows from the jobs, which took `time` together.
    pub(super) fn report(&self, kinds: &[String], time: Duration) -> BatchReport {
        let figures = self.figures.lock();
        let ended = figures.ok + figures.failed;
        let all = u64::try_from(self.ended()).unwrap_or(u64::MAX);
        BatchReport {
            ok: figures.ok,
            failed: figures.failed,
            not_run: all.saturating_sub(ended),
            retries: figures.retries,
            seconds: time.as_secs_f64(),
            per_second: per_second(ended, time),
            cpu_seconds: figures.kinds.iter().map(|kind| kind.cpu.as_secs_f64()).sum(),
            peak_bytes: figures.kinds.iter().filter_map(|kind| kind.peak_bytes).max(),
            kinds: kinds.iter().zip(&figures.kinds).map(|(name, kind)| kind.figures(name)).collect(),
            examples: figures.examples.clone(),
            ..BatchReport::default()
        }
    }
}

impl OfKind {
    fn figures(&self, name: &str) -> Kind {
        let times = self.times.percentiles();
        let wall = self.wall.as_secs_f64();
        Kind {
            name: name.to_owned(),
            ok: self.ok,
            failed: self.failed,
            success_rate: ratio(self.ok, self.ok + self.failed),
            cpu_share: if wall > 0.0 { self.cpu.as_secs_f64() / wall } else { 0.0 },
            peak_bytes: self.peak_bytes,
            latest: self.latest.as_secs_f64(),
            mean: times.mean_us / 1e6,
            p50: times.p50_us / 1e6,
            p95: times.p95_us / 1e6,
            p99: times.p99_us / 1e6,
        }
    }
}
