//! What the host decided, for clients: the latest of it, and as messages.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_control::ledger::Record;
use parking_lot::Mutex;
use tokio::sync::broadcast::error::RecvError;

use crate::server::Shared;

/// Events that are kept.
const KEPT: usize = 1_024;

/// The channel of all decisions, and that of what needs an operator.
const DECISIONS: &[u8] = b"host:decisions";
const ALERTS: &[u8] = b"host:alerts";

/// One record of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// Counts from 1 without gaps.
    pub(crate) id: u64,
    /// As the ledger has it.
    pub(crate) json: Arc<str>,
}

/// The latest events.
#[derive(Debug, Default)]
pub(crate) struct Events {
    kept: Mutex<VecDeque<Event>>,
    next: AtomicU64,
    decisions: AtomicU64,
}

impl Events {
    /// The latest of them, the last one first.
    pub(crate) fn latest(&self, count: usize) -> Vec<Event> {
        self.kept.lock().iter().rev().take(count).cloned().collect()
    }

    /// Decisions so far.
    pub(crate) fn decisions(&self) -> u64 {
        self.decisions.load(Ordering::Relaxed)
    }

    fn keep(&self, record: &Record, json: Arc<str>) {
        if matches!(record, Record::Decision(_)) {
            self.decisions.fetch_add(1, Ordering::Relaxed);
        }
        let id = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut kept = self.kept.lock();
        kept.push_back(Event { id, json });
        while kept.len() > KEPT {
            kept.pop_front();
        }
    }
}

/// Whether an operator wants to know of a record, and the channel that it goes to.
fn channel(record: &Record) -> Option<&'static [u8]> {
    match record {
        Record::Decision(_) | Record::Rules(_) | Record::Effect(_) | Record::Command(_) => Some(DECISIONS),
        Record::Strategy(_) | Record::Fallback(_) => Some(ALERTS),
        _ => None,
    }
}

/// Keeps what the host decides from now on, and tells those who listen.
pub(crate) async fn listen(shared: Arc<Shared>) {
    let mut records = shared.host.subscribe();
    loop {
        match records.recv().await {
            Ok(record) => {
                let Some(channel) = channel(&record) else { continue };
                match serde_json::to_string(&*record) {
                    Ok(json) => {
                        shared.pub_sub.publish(channel, json.as_bytes(), shared.output());
                        shared.events.keep(&record, json.into());
                    }
                    Err(error) => tracing::warn!(%error, "a record of the ledger cannot be written"),
                }
            }
            Err(RecvError::Lagged(lost)) => tracing::warn!(lost, "records of the ledger were lost"),
            Err(RecvError::Closed) => return,
        }
    }
}
