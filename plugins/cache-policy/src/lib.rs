//! Strategy `cache-policy`: gives the cache the eviction policy whose shadow does best, and, where memory is the
//! objective, no more capacity than pays.
//!
//! The decisions are in `decide.rs` and `capacity.rs`, which know nothing of the host and are tested natively.

mod capacity;
mod decide;

use capacity::Saver;
use decide::{Chooser, Settings};
use strategy_sdk::{
    Description, Objective, Strategy, TickError, TickInfo, cache, dial, dials, export_strategy, metrics, run,
};

struct CachePolicy {
    chooser: Chooser,
    /// None where memory is not the objective.
    saver: Option<Saver>,
}

impl Strategy for CachePolicy {
    type Settings = Settings;

    fn describe() -> Description {
        let summary = "Chooses the eviction policy from what the shadows estimate";
        Description::new("cache-policy", env!("CARGO_PKG_VERSION"), summary)
            .dials(&[dial::CACHE_POLICY, dial::CACHE_CAPACITY])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        let saver = (run::objective() == Objective::Memory).then(|| Saver::new(settings.spare));
        Ok(Self { chooser: Chooser::with(settings), saver })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let (cache, shadows) = (metrics::cache(), metrics::shadows());
        if let Some(choice) = self.chooser.choose(info.tick, &cache, &shadows) {
            let answer = cache::propose_policy(&choice.policy);
            if answer.is_ok() {
                dials::explain(dial::CACHE_POLICY, &choice.reason);
            }
            self.chooser.answered(info.tick, &choice, &answer);
        }
        if let Some(saver) = &mut self.saver
            && let Some(range) = dials::range(dial::CACHE_CAPACITY)
            && let Some(change) = saver.look(info.tick, &cache, &shadows, range.minimum)
        {
            let answer = cache::propose_capacity(change.bytes);
            if answer.is_ok() {
                dials::explain(dial::CACHE_CAPACITY, &change.reason);
            }
            saver.answered(info.tick, &answer);
        }
        Ok(())
    }
}

export_strategy!(CachePolicy);
