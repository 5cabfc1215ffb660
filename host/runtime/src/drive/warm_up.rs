//! Warming of a run: for a bounded time before its first request, then beside it.
//!
//! A driver asks as fast as it is answered, so that a run has hardly a quiet period. What is to be of use to it is loaded before.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::Drive;
use crate::report::Warming;
use crate::warm::Warmer;
use crate::warm::source::HotKeys;

/// How often it is asked whether the run is to end.
const SLICE: Duration = Duration::from_millis(50);

/// What there is to warm, and what became of it.
#[derive(Debug, Default)]
pub(crate) struct WarmUp {
    keys: Option<HotKeys>,
    /// How long the first request may wait for it.
    most: Duration,
    warmer: RefCell<Option<Warmer>>,
    /// Loaded before the first request, and the time that it took.
    before: Cell<(u64, Duration)>,
}

impl WarmUp {
    /// With these keys, if any; the first request waits for so long at most.
    pub(crate) fn new(keys: Option<HotKeys>, most: Duration) -> Self {
        Self { keys, most, ..Self::default() }
    }

    pub(super) async fn begin(&self, drive: &Drive<'_>, find: impl Fn(&[u8]) -> Option<u64>) {
        let (numbers, unknown) = match &self.keys {
            None => return,
            Some(HotKeys::Numbers(numbers)) => (numbers.clone(), 0),
            Some(HotKeys::Names(names)) => {
                let numbers: Vec<u64> = names.iter().filter_map(|name| find(name)).collect();
                let unknown = names.len() - numbers.len();
                (numbers, unknown)
            }
        };
        drive.progress.doing("warming the cache");
        let begun = Instant::now();
        let mut warmer = Warmer::start(&drive.live, &drive.executor, numbers, unknown);
        loop {
            let left = self.most.saturating_sub(begun.elapsed());
            if left.is_zero() || drive.stop.asked() || warmer.wait(left.min(SLICE)).await {
                break;
            }
        }
        let took = begun.elapsed();
        let warming = warmer.report(&drive.live.plane);
        self.before.set((warming.loaded, took));
        if !self.most.is_zero() {
            let (loaded, named, took) = (warming.loaded, warming.named, took.as_secs_f64());
            drive.progress.say(&format!("warmed {loaded} of {named} hot keys in {took:.2} s before the run"));
        }
        *self.warmer.borrow_mut() = Some(warmer);
    }

    pub(super) fn end(&self, drive: &Drive<'_>) -> Option<Warming> {
        let warmer = self.warmer.borrow_mut().take()?;
        let (loaded_before, took) = self.before.get();
        let report = warmer.report(&drive.live.plane);
        Some(Warming { loaded_before, before_seconds: took.as_secs_f64(), ..report })
    }
}
