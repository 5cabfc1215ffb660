//! Warming of a run in virtual time: before its first request, since one request is served at a time and none waits.

use std::time::Duration;

use super::Replay;
use crate::entry::Entry;
use crate::key::Key;
use crate::report::Warming;
use crate::warm::Tally;

/// What was loaded before the first request, and how long that took.
pub(super) struct Warmed {
    tally: Tally,
    took: Duration,
}

impl Replay<'_> {
    /// Loads the hottest keys before the first request, as many at once as the budget and the origin's slots allow. The run's
    /// time begins after it.
    pub(super) fn warm(&mut self, keys: &[u64]) {
        let at_once =
            self.plane.prefetcher.max_in_flight().min(self.options.origin_slots.unwrap_or(u32::MAX));
        let (tally, mut loads) = (Tally::new(keys.len(), 0), 0);
        // Where the budget is nothing, none is reached.
        for &number in keys.iter().take(if at_once == 0 { 0 } else { keys.len() }) {
            let (key, weight) = (Key::Number(number), self.steps.weight(number));
            let takes = tally.takes(&self.plane, &key, weight);
            let Some(weight) = weight.filter(|_| takes) else { continue };
            let value = self.loaded(weight);
            self.charged.prefetched_weight += weight;
            self.plane.cache.fill_spare(Entry::of(&key, value), ());
            tally.one_loaded();
            loads += 1;
        }
        self.charged.loads += loads;
        let turns = u32::try_from(loads.div_ceil(u64::from(at_once.max(1)))).unwrap_or(u32::MAX);
        self.warmed = Some(Warmed { tally, took: self.options.origin_latency.saturating_mul(turns) });
    }

    /// What warming came to.
    pub(super) fn warming(&self) -> Option<Warming> {
        let Warmed { tally, took } = self.warmed.as_ref()?;
        let report = tally.report(&self.plane, self.options.origin_latency.as_secs_f64() * 1e6);
        Some(Warming { loaded_before: report.loaded, before_seconds: took.as_secs_f64(), ..report })
    }
}
