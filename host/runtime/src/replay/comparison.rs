//! What the replay turned beside what the recording turned, tick by tick.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use host_contract::number::{ratio, to_f64};
use host_contract::{Dial, Snapshot, Value};
use host_control::ledger::Record;
use serde_json::Value as Json;
use tokio::sync::broadcast::error::TryRecvError;

use super::recorded::Begin;
use super::report::{Accuracy, Difference};
use super::turns::{self, DifferentRecord};
use crate::ledger::Subscription;

/// What is compared of the two.
pub(super) struct Comparison {
    /// The records of the replay.
    told: Subscription,
    /// Dials that begin elsewhere, in words.
    pub(super) starts: Vec<String>,
    pub(super) recorded_decisions: u64,
    pub(super) same_until: u64,
    pub(super) differences: Vec<Difference>,
    pub(super) first_record: Option<DifferentRecord>,
    pub(super) because: Option<DifferentRecord>,
    pub(super) accuracy: Sums,
    /// Hits and misses that the recording has counted at its last tick.
    pub(super) served: (u64, u64),
    /// When that was.
    pub(super) last: Duration,
    /// What the recorded host was told to do, with the tick.
    pub(super) commands: Vec<String>,
    /// Records of the replay that could not be compared.
    pub(super) unheard: u64,
}

impl Comparison {
    /// `told` gives the records of the replay from its first tick on.
    pub(super) fn new(told: Subscription) -> Self {
        Self {
            told,
            starts: Vec::new(),
            recorded_decisions: 0,
            same_until: 0,
            differences: Vec::new(),
            first_record: None,
            because: None,
            accuracy: Sums::default(),
            served: (0, 0),
            last: Duration::ZERO,
            commands: Vec::new(),
            unheard: 0,
        }
    }

    /// Whether the replay has turned what the recording has, as far as it has come.
    pub(super) fn same(&self) -> bool {
        self.starts.is_empty() && self.differences.is_empty()
    }

    /// How the dials stand before the first tick.
    pub(super) fn start(&mut self, begin: &Begin, starting: &BTreeMap<Dial, Value>) {
        let then = &begin.settings;
        let now: BTreeMap<&str, &Value> = starting.iter().map(|(dial, value)| (dial.name(), value)).collect();
        let names: BTreeSet<&str> = then.keys().map(String::as_str).chain(now.keys().copied()).collect();
        for name in names {
            let text = |value: Option<&Value>| {
                let value = value.map(|value| serde_json::to_value(value).unwrap_or_default());
                value.map_or_else(|| "not there".to_owned(), |value| turns::value(name, &value))
            };
            let (then, now) = (then.get(name), now.get(name).copied());
            if then != now {
                self.starts.push(format!("{name} {} in the recording, {} here", text(then), text(now)));
            }
        }
    }

    /// What the recorded cache has done so far.
    pub(super) fn note(&mut self, recorded: &Snapshot) {
        self.served = (recorded.cache.hits, recorded.cache.misses);
        self.last = recorded.now;
    }

    /// A tick of this number and time is over: what came of it, then and now.
    pub(super) fn tick(&mut self, (tick, now): (u64, Duration), lines: &[String], commands: Vec<String>) {
        let replayed = self.hear();
        self.compare(tick, now, lines, &replayed);
        let at = |command| format!("after tick {tick}: {command}");
        self.commands.extend(commands.into_iter().map(at));
    }

    /// The records of the tick, as the ledger has them, but for what it showed.
    fn hear(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let record = match self.told.try_recv() {
                Ok(record) => record,
                Err(TryRecvError::Lagged(lost)) => {
                    self.unheard = self.unheard.saturating_add(lost);
                    continue;
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => return lines,
            };
            let passed_over = matches!(
                &*record,
                Record::Run(_)
                    | Record::Tick(_)
                    | Record::Requests(_)
                    | Record::Fallback(_)
                    | Record::Command(_)
            );
            if !passed_over {
                // A record is what the ledger writes: it cannot fail.
                lines.extend(serde_json::to_string(&*record));
            }
        }
    }

    fn compare(&mut self, tick: u64, now: Duration, recorded: &[String], replayed: &[String]) {
        let follows = self.same();
        // Most ticks are the same, to the byte.
        if recorded == replayed {
            let decides = |line: &&String| {
                line.starts_with("{\"type\":\"decision\"") || line.starts_with("{\"type\":\"rules\"")
            };
            let decisions = recorded.iter().filter(decides).count();
            self.recorded_decisions += u64::try_from(decisions).unwrap_or(u64::MAX);
            if follows {
                self.same_until = tick;
            }
            return;
        }
        let read = |lines: &[String]| -> Vec<Json> {
            lines.iter().map(|line| serde_json::from_str(line).unwrap_or_default()).collect()
        };
        let (recorded, replayed) = (read(recorded), read(replayed));
        let (was, is) = (turns::turns(&recorded), turns::turns(&replayed));
        let decisions = was.iter().filter(|turn| turn.decision).count();
        self.recorded_decisions += u64::try_from(decisions).unwrap_or(u64::MAX);
        let different = turns::first_different(tick, &recorded, &replayed);
        if self.first_record.is_none() {
            self.first_record.clone_from(&different);
        }
        if turns::same(&was, &is) {
            if follows {
                self.same_until = tick;
            }
            return;
        }
        if follows {
            // What could be asked for, and what was said, turns nothing by itself.
            let bears = |records: &[Json]| -> Vec<Json> {
                let silent = |record: &&Json| {
                    !matches!(record.get("type").and_then(Json::as_str), Some("offer" | "log"))
                };
                records.iter().filter(silent).cloned().collect()
            };
            let bearing = turns::first_different(tick, &bears(&recorded), &bears(&replayed));
            self.because = bearing.or(different);
        }
        let at_seconds = now.as_secs_f64();
        let [recorded, replayed] = turns::apart(&was, &is);
        self.differences.push(Difference { tick, at_seconds, recorded, replayed });
    }
}

/// Sums over the ticks in which both have turned the same.
#[derive(Debug, Default)]
pub(super) struct Sums {
    ticks: u64,
    recorded: (u64, u64),
    simulated: (u64, u64),
    off: f64,
    weight: f64,
}

impl Sums {
    /// Hits and misses of a tick, as they were recorded and as they were simulated.
    pub(super) fn add(&mut self, a: (u64, u64), b: (u64, u64)) {
        let (Some(was), Some(is)) = (ratio(a.0, a.0 + a.1), ratio(b.0, b.0 + b.1)) else { return };
        self.ticks += 1;
        self.recorded = (self.recorded.0 + a.0, self.recorded.1 + a.1);
        self.simulated = (self.simulated.0 + b.0, self.simulated.1 + b.1);
        let weight = to_f64(a.0 + a.1);
        self.off += (was - is).abs() * weight;
        self.weight += weight;
    }

    pub(super) fn settle(&self) -> Accuracy {
        let share = |(hits, misses): (u64, u64)| ratio(hits, hits + misses).unwrap_or(0.0);
        Accuracy {
            ticks: self.ticks,
            recorded: share(self.recorded),
            simulated: share(self.simulated),
            mean_off: if self.weight > 0.0 { self.off / self.weight } else { 0.0 },
        }
    }
}
