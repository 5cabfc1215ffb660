//! The last values of each gauge, one a tick.
//!
//! A history is cloned once a tick, because a snapshot keeps it. Values older than the last `BLOCK` are shared between
//! the clones, so that a clone copies a bounded few of them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Values that a reader sees of a gauge.
pub const KEPT: usize = 512;

/// Values that are shared as one.
const BLOCK: usize = 64;

/// The last [`KEPT`] values of each gauge, oldest first.
#[derive(Debug, Clone, Default)]
pub struct History(BTreeMap<&'static str, Values>);

#[derive(Debug, Clone, Default)]
struct Values {
    full: VecDeque<Arc<[f64]>>,
    last: Vec<f64>,
}

impl History {
    /// Adds the value of one tick, and forgets what is older than the last [`KEPT`].
    pub fn push(&mut self, gauge: &'static str, value: f64) {
        let values = self.0.entry(gauge).or_default();
        values.last.push(value);
        if values.last.len() >= BLOCK {
            values.full.push_back(std::mem::take(&mut values.last).into());
            if values.full.len() > KEPT / BLOCK {
                values.full.pop_front();
            }
        }
    }

    /// The last `max` values of a gauge, at most [`KEPT`], oldest first; empty where there is none.
    #[must_use]
    pub fn last(&self, gauge: &str, max: usize) -> Vec<f64> {
        let Some(values) = self.0.get(gauge) else { return Vec::new() };
        let all = || values.full.iter().flat_map(|block| block.iter()).chain(&values.last);
        let count = values.full.len() * BLOCK + values.last.len();
        all().skip(count.saturating_sub(max.min(KEPT))).copied().collect()
    }
}

impl<const N: usize> From<[(&'static str, Vec<f64>); N]> for History {
    fn from(all: [(&'static str, Vec<f64>); N]) -> Self {
        let mut history = Self::default();
        for (gauge, values) in all {
            values.into_iter().for_each(|value| history.push(gauge, value));
        }
        history
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_values_come_oldest_first_and_a_clone_does_not_change() {
        let mut history = History::default();
        let mut kept = Vec::new();
        for tick in 1..=1_000_u32 {
            history.push("hit-ratio", f64::from(tick));
            if tick == 700 {
                kept.push(history.clone());
            }
        }
        assert_eq!(history.last("hit-ratio", 3), [998.0, 999.0, 1_000.0]);
        let all = history.last("hit-ratio", usize::MAX);
        assert_eq!((all.len(), all[0]), (KEPT, 489.0));
        assert_eq!(kept[0].last("hit-ratio", 1), [700.0]);
        assert_eq!(kept[0].last("hit-ratio", usize::MAX).len(), KEPT);
        assert!(history.last("throughput", 3).is_empty() && history.last("hit-ratio", 0).is_empty());
    }

    #[test]
    fn a_short_history_is_whole() {
        let history = History::from([("throughput", vec![1.0, 2.0, 3.0])]);
        assert_eq!(history.last("throughput", 9), [1.0, 2.0, 3.0]);
    }
}
