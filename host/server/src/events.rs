//! What the host decided, for clients: the latest of it, and as messages.
//!
//! One task reads every record of the ledger, from the first one on. What an operator wants to hear of becomes an event with a
//! number; the latest are kept, so that who lost the connection goes on where it was. Whoever reads them holds nobody up: a
//! reader that is too slow is told how many it missed.

mod decided;
mod derived;
mod sentence;

pub(crate) use decided::Decided;
pub(crate) use sentence::sentence;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_control::ledger::Record;
use host_runtime::Subscription;
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;

use crate::server::Shared;
use derived::Derived;

/// Events that are kept.
pub(crate) const KEPT: usize = 1_024;

/// The channel of all decisions, and that of what needs an operator.
const DECISIONS: &[u8] = b"host:decisions";
const ALERTS: &[u8] = b"host:alerts";

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A dial or the prefetch rules were changed.
    Decision,
    /// A decision was judged.
    Effect,
    /// A strategy failed, was started again, or was taken out.
    Strategy,
    /// Another policy took over from one that failed.
    Fallback,
    /// Somebody told the host to do something.
    Command,
    /// The memory that the process may use is nearly used up.
    MemoryWarning,
    /// Every decision so far was judged.
    OptimizationComplete,
}

impl Kind {
    /// All of them, in the order of [`number`](Self::number).
    pub(crate) const ALL: [Self; 7] = [
        Self::Decision,
        Self::Effect,
        Self::Strategy,
        Self::Fallback,
        Self::Command,
        Self::MemoryWarning,
        Self::OptimizationComplete,
    ];

    /// The name for clients.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Effect => "effect",
            Self::Strategy => "strategy",
            Self::Fallback => "fallback",
            Self::Command => "command",
            Self::MemoryWarning => "memory-warning",
            Self::OptimizationComplete => "optimization-complete",
        }
    }

    /// That of a record; none of those that are for the ledger alone.
    fn of(record: &Record) -> Option<Self> {
        match record {
            Record::Decision(_) | Record::Rules(_) => Some(Self::Decision),
            Record::Effect(_) => Some(Self::Effect),
            Record::Strategy(_) => Some(Self::Strategy),
            Record::Fallback(_) => Some(Self::Fallback),
            Record::Command(_) => Some(Self::Command),
            _ => None,
        }
    }

    /// The channel for subscribers.
    fn channel(self) -> &'static [u8] {
        match self {
            Self::Strategy | Self::Fallback | Self::MemoryWarning => ALERTS,
            Self::Decision | Self::Effect | Self::Command | Self::OptimizationComplete => DECISIONS,
        }
    }
}

/// Something that an operator may want to know.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Counts from 1 without gaps.
    pub(crate) id: u64,
    /// What it is about.
    pub(crate) kind: Kind,
    /// As the ledger has it, in one line.
    pub(crate) json: Arc<str>,
}

/// The latest events.
#[derive(Debug)]
pub(crate) struct Events {
    kept: Mutex<VecDeque<Event>>,
    /// Number of the last one.
    last: watch::Sender<u64>,
    counts: [AtomicU64; Kind::ALL.len()],
    pub(crate) decided: Decided,
}

impl Default for Events {
    fn default() -> Self {
        let last = watch::Sender::new(0);
        Self { kept: Mutex::default(), last, counts: Default::default(), decided: Decided::default() }
    }
}

impl Events {
    /// The latest of them, the last one first.
    pub(crate) fn latest(&self, count: usize) -> Vec<Event> {
        self.kept.lock().iter().rev().take(count).cloned().collect()
    }

    /// Those after number `id`, at most so many, and how many of them are not kept any more.
    pub(crate) fn after(&self, id: u64, most: usize) -> (Vec<Event>, u64) {
        let kept = self.kept.lock();
        let oldest = kept.front().map_or(0, |event| event.id);
        let lost = oldest.saturating_sub(id.saturating_add(1));
        let (from, to) = (id.saturating_add(1).saturating_sub(oldest), kept.len());
        let from = usize::try_from(from).unwrap_or(to).min(to);
        (kept.range(from..).take(most).cloned().collect(), lost)
    }

    /// Tells of the number of the last event.
    pub(crate) fn last(&self) -> watch::Receiver<u64> {
        self.last.subscribe()
    }

    /// How many there were of a kind.
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        let index = Kind::ALL.iter().position(|of| *of == kind);
        index.and_then(|index| self.counts.get(index)).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// Decisions so far.
    pub(crate) fn decisions(&self) -> u64 {
        self.count(Kind::Decision)
    }

    fn keep(&self, kind: Kind, json: Arc<str>) {
        if let Some(count) =
            Kind::ALL.iter().position(|of| *of == kind).and_then(|index| self.counts.get(index))
        {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let mut kept = self.kept.lock();
        let id = *self.last.borrow() + 1;
        kept.push_back(Event { id, kind, json });
        while kept.len() > KEPT {
            kept.pop_front();
        }
        drop(kept);
        self.last.send_replace(id);
    }
}

/// Keeps what the host decides, and tells those who listen.
pub(crate) async fn listen(shared: Arc<Shared>, mut records: Subscription) {
    let mut derived = Derived::default();
    loop {
        match records.recv().await {
            Ok(record) => {
                if let Some(kind) = Kind::of(&record) {
                    shared.events.decided.note(&record);
                    tell(&shared, kind, serde_json::to_string(&*record));
                }
                if let Some(found) = derived.from(&record) {
                    tell(&shared, found.kind(), serde_json::to_string(&found));
                }
            }
            Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "records of the ledger were lost"),
            Err(RecvError::Closed) => return,
        }
    }
}

fn tell(shared: &Shared, kind: Kind, json: serde_json::Result<String>) {
    match json {
        Ok(json) => {
            shared.pub_sub.publish(kind.channel(), json.as_bytes(), shared.output());
            shared.events.keep(kind, json.into());
        }
        Err(error) => tracing::warn!(%error, "a record of the ledger cannot be written"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_what_is_not_kept_any_more_is_told_how_much_is_missing() {
        let events = Events::default();
        assert!(matches!(events.after(0, 10), (none, 0) if none.is_empty()));
        let all = u64::try_from(KEPT).unwrap() + 3;
        (0..all).for_each(|number| events.keep(Kind::Decision, number.to_string().into()));
        let ids = |after, most| {
            let (events, lost) = events.after(after, most);
            (events.iter().map(|event| event.id).collect::<Vec<_>>(), lost)
        };
        assert_eq!(ids(0, 2), (vec![4, 5], 3));
        assert_eq!(ids(2, 2), (vec![4, 5], 1));
        assert_eq!(ids(3, 2), (vec![4, 5], 0));
        assert_eq!(ids(all - 1, 10), (vec![all], 0));
        assert_eq!(ids(all, 10), (vec![], 0));
        assert_eq!(ids(u64::MAX, 10), (vec![], 0));
        assert_eq!((*events.last().borrow(), events.decisions(), events.count(Kind::Effect)), (all, all, 0));
        assert_eq!(events.latest(1)[0].id, all);
    }
}
