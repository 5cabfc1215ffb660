//! The latest decisions, each with how it was judged.

use std::collections::VecDeque;

use host_control::ledger::Record;
use parking_lot::Mutex;

use super::KEPT;

/// The latest decisions, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Decided(Mutex<VecDeque<Record>>);

/// Number of a decision; none of other records.
fn id(record: &Record) -> Option<u64> {
    match record {
        Record::Decision(decision) => Some(decision.id),
        Record::Rules(rules) => Some(rules.id),
        _ => None,
    }
}

impl Decided {
    /// Keeps a decision, or how one was judged; other records are nothing to it.
    pub(super) fn note(&self, record: &Record) {
        let mut kept = self.0.lock();
        match record {
            Record::Decision(_) | Record::Rules(_) => {
                kept.push_back(record.clone());
                while kept.len() > KEPT {
                    kept.pop_front();
                }
            }
            Record::Effect(effect) => {
                match kept.iter_mut().rev().find(|decided| id(decided) == Some(effect.decision)) {
                    Some(Record::Decision(decision)) => decision.effect = Some(effect.clone()),
                    Some(Record::Rules(rules)) => rules.effect = Some(effect.clone()),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// Those after the decision of this number, oldest first: the first `most` of them.
    pub(crate) fn after(&self, after: u64, most: usize) -> Vec<(u64, Record)> {
        let kept = self.0.lock();
        let numbered = kept.iter().filter_map(|record| Some((id(record)?, record)));
        let later = numbered.filter(|(id, _)| *id > after);
        later.take(most).map(|(id, record)| (id, record.clone())).collect()
    }

    /// The latest `most` of them, oldest first.
    pub(crate) fn latest(&self, most: usize) -> Vec<(u64, Record)> {
        let kept = self.0.lock();
        let from = kept.len().saturating_sub(most);
        kept.range(from..).filter_map(|record| Some((id(record)?, record.clone()))).collect()
    }
}
