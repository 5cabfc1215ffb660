//! Where a strategy stands, and what happened to it: what a report shows of the supervisor.

use std::collections::VecDeque;
use std::fmt;

use serde::Serialize;

use crate::ledger::{Event, StrategyEvent};
use crate::registration::Registration;
use crate::shadowed::{ShadowReport, Shadowed};
use crate::strategy::{Fault, Identity};
use crate::supervisor::State;

/// Events kept of each strategy; the ledger has them all.
const KEPT: usize = 32;

/// The last events of a strategy, oldest first.
#[derive(Debug, Default)]
pub(crate) struct History(VecDeque<StrategyEvent>);

impl History {
    /// Adds an event and forgets the oldest beyond [`KEPT`].
    pub(crate) fn keep(&mut self, event: StrategyEvent) {
        if self.0.len() >= KEPT {
            self.0.pop_front();
        }
        self.0.push_back(event);
    }
}

/// Where a strategy stands, and what happened to it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// Who.
    pub strategy: String,
    /// Digest of the component; empty where it could not be read.
    pub digest: String,
    /// Where it stands.
    #[serde(flatten)]
    pub state: State,
    /// How often it failed.
    pub failures: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// Restarts left in its budget.
    pub restarts_left: u32,
    /// The last of what happened to it, oldest first.
    pub events: Vec<StrategyEvent>,
    /// What it would have done, where it is in shadow mode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowReport>,
}

impl Status {
    /// Of a strategy that could not be started before the run. The same file fails in the same way each time, so that it is
    /// not tried again.
    #[must_use]
    pub fn not_started(strategy: &str, digest: &str, text: &str) -> Self {
        let (strategy, digest) = (strategy.to_owned(), digest.to_owned());
        let event = StrategyEvent {
            tick: 0,
            strategy: strategy.clone(),
            digest: digest.clone(),
            event: Event::Quarantine { fault: Fault::NotLoaded(text.to_owned()), restarts: 0 },
            text: text.to_owned(),
        };
        Self {
            strategy,
            digest,
            state: State::Quarantined,
            failures: 1,
            restarts: 0,
            restarts_left: 0,
            events: vec![event],
            shadow: None,
        }
    }
}

impl Registration {
    /// Where the strategy stands.
    #[must_use]
    pub fn status(&self) -> Status {
        let Identity { name, digest, .. } = self.identity();
        Status {
            strategy: name.clone(),
            digest: digest.clone(),
            state: self.supervisor.state(),
            failures: self.supervisor.failures(),
            restarts: self.supervisor.restarts(),
            restarts_left: self.supervisor.restarts_left(),
            events: self.history.0.iter().cloned().collect(),
            shadow: self.shadowed.as_ref().map(|of| Shadowed::report(of, name)),
        }
    }
}

/// What happened, with its tick, as a line of a report.
impl fmt::Display for StrategyEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tick, text, .. } = self;
        match &self.event {
            Event::BackOff { until, restarts_left, .. } => {
                let left = counted(u64::from(*restarts_left), "restart");
                write!(f, "tick {tick}: {text}; rests until tick {until}, {left} left")
            }
            Event::Restart { .. } | Event::Retire | Event::Reset { .. } | Event::Replace { .. } => {
                write!(f, "tick {tick}: {text}")
            }
            Event::Quarantine { .. } if *tick == 0 => write!(f, "at the start: {text}"),
            Event::Quarantine { restarts, .. } => {
                let spent = counted(*restarts, "restart");
                write!(f, "tick {tick}: {text}; takes no further part, after {spent}")
            }
        }
    }
}

/// A number of things, in words.
fn counted(count: u64, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(tick: u64, event: Event, text: &str) -> StrategyEvent {
        let (strategy, digest) = ("mine".to_owned(), "blake3:0".to_owned());
        StrategyEvent { tick, strategy, digest, event, text: text.to_owned() }
    }

    fn fault() -> Fault {
        Fault::Answer("no".to_owned())
    }

    #[test]
    fn each_event_reads_as_a_line() {
        let back_off = Event::BackOff { fault: fault(), ticks: 5, until: 14, restarts_left: 1 };
        assert_eq!(
            event(9, back_off, "answered: no").to_string(),
            "tick 9: answered: no; rests until tick 14, 1 restart left"
        );
        let quarantine = Event::Quarantine { fault: fault(), restarts: 6 };
        assert_eq!(
            event(200, quarantine, "answered: no").to_string(),
            "tick 200: answered: no; takes no further part, after 6 restarts"
        );
        let status = Status::not_started("mine", "", "mine.wasm: the file is empty");
        assert_eq!(status.events[0].to_string(), "at the start: mine.wasm: the file is empty");
        assert_eq!(event(3, Event::Retire, "retired: done").to_string(), "tick 3: retired: done");
    }

    #[test]
    fn the_oldest_events_are_forgotten() {
        let mut history = History::default();
        for tick in 0..40 {
            history.keep(event(tick, Event::Retire, ""));
        }
        assert_eq!((history.0.len(), history.0[0].tick), (KEPT, 8));
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let back_off = Event::BackOff { fault: fault(), ticks: 5, until: 14, restarts_left: 6 };
        let record = crate::ledger::Record::Strategy(event(9, back_off, "answered: no"));
        assert_eq!(
            serde_json::to_string(&record).unwrap(),
            r#"{"type":"strategy","tick":9,"strategy":"mine","digest":"blake3:0","event":"back-off","#
                .to_owned()
                + r#""fault":{"kind":"answer","detail":"no"},"ticks":5,"until":14,"restarts_left":6,"text":"answered: no"}"#
        );
        let status = serde_json::to_value(Status::not_started("mine", "", "gone")).unwrap();
        assert_eq!((&status["state"], &status["until"]), (&"quarantined".into(), &serde_json::Value::Null));
    }
}
