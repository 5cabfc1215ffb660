//! What a replay gives back.

use host_contract::number::ratio;
use host_control::Status;
use host_control::ledger::{Decision, RulesChanged};
use host_workload::recording::Component;
use serde::Serialize;

use super::turns::DifferentRecord;
use crate::report::Cost;

/// What came of a replay. `host replay --json` prints this object: nothing in it depends on the machine.
#[derive(Debug, Clone, Serialize)]
pub struct ReplayReport {
    /// The recording.
    pub recording: String,
    /// What was run.
    pub workload: String,
    /// Name of the recorded profile.
    pub recorded_profile: String,
    /// Name of the profile of the replay.
    pub profile: String,
    /// Requests in the recording.
    pub requests: u64,
    /// Ticks replayed.
    pub ticks: u64,
    /// How long they took when they were recorded, seconds.
    pub seconds: f64,
    /// Why the recording is not whole; none where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut: Option<String>,
    /// Settings that are others than the recorded ones, in words.
    pub settings: Vec<String>,
    /// The strategies of the two, by name.
    pub components: Vec<Compared>,
    /// Dials that stand elsewhere before the first tick, in words.
    pub starts: Vec<String>,
    /// Decisions in the recording.
    pub recorded_decisions: u64,
    /// Decisions in the replay.
    pub replayed_decisions: u64,
    /// The last tick up to which the replay has decided what the recording has.
    pub same_until: u64,
    /// Ticks in which the two turned something else, the first first.
    pub differences: Vec<Difference>,
    /// The first record that is another one, whether anything was turned by it or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_record: Option<DifferentRecord>,
    /// The same of the first tick in which something else was turned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<DifferentRecord>,
    /// How far the simulated cache was off the recorded one, in the ticks up to `same_until`; none where nothing was simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<Accuracy>,
    /// What the recorded cache did.
    pub recorded: Served,
    /// What the simulated cache did under the recorded decisions; none where the replay took them itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_simulated: Option<Served>,
    /// What the simulated cache did under the decisions of the replay; none where all of them are the recorded ones: then nothing
    /// was simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replayed_simulated: Option<Served>,
    /// Every change of a dial in the replay.
    pub decisions: Vec<Decision>,
    /// Every change of the prefetch rules in the replay.
    pub rules: Vec<RulesChanged>,
    /// Where each strategy of the replay stands at the end; those that could not be started come first.
    pub strategies: Vec<Status>,
    /// What tuning cost in the replay.
    pub cost: Cost,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

impl ReplayReport {
    /// Whether every decision is the recorded one.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.starts.is_empty()
    }

    /// Whether the replay had the settings, the components and the start of the recording.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        self.settings.is_empty() && self.starts.is_empty() && self.components.iter().all(Compared::is_same)
    }
}

/// A strategy in the recording and in the replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// As it was recorded.
    pub recorded: Option<Component>,
    /// As it was replayed.
    pub replayed: Option<Component>,
}

impl Compared {
    /// Whether both are the same file.
    #[must_use]
    pub fn is_same(&self) -> bool {
        match (&self.recorded, &self.replayed) {
            (Some(recorded), Some(replayed)) => recorded.digest == replayed.digest,
            _ => false,
        }
    }

    /// The strategies of both.
    pub(super) fn all(recorded: &[Component], replayed: &[Component]) -> Vec<Self> {
        let there = |name: &str| replayed.iter().find(|of| of.name == name).cloned();
        let both = recorded.iter().map(|of| Self {
            name: of.name.clone(),
            recorded: Some(of.clone()),
            replayed: there(&of.name),
        });
        let new = replayed.iter().filter(|of| !recorded.iter().any(|known| known.name == of.name));
        let new = new.map(|of| Self { name: of.name.clone(), recorded: None, replayed: Some(of.clone()) });
        both.chain(new).collect()
    }
}

/// A tick in which the two turned something else.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// The tick.
    pub tick: u64,
    /// When it was, seconds since the run began.
    pub at_seconds: f64,
    /// What the recording turned and the replay did not, in words.
    pub recorded: Vec<String>,
    /// What the replay turned and the recording did not.
    pub replayed: Vec<String>,
}

/// Hits and misses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Served {
    /// Requests that caused no load of their own.
    pub hits: u64,
    /// Requests that had to load.
    pub misses: u64,
    /// `hits` of both, 0.0 to 1.0.
    pub hit_ratio: f64,
}

impl Served {
    pub(super) fn new(hits: u64, misses: u64) -> Self {
        Self { hits, misses, hit_ratio: ratio(hits, hits.saturating_add(misses)).unwrap_or(0.0) }
    }
}

/// How far the simulated cache was off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Accuracy {
    /// Ticks that are compared, those without requests apart.
    pub ticks: u64,
    /// The hit ratio in them as it was recorded, 0.0 to 1.0.
    pub recorded: f64,
    /// The same of the simulated cache.
    pub simulated: f64,
    /// Mean distance between the two in a tick, weighed by its requests.
    pub mean_off: f64,
}
