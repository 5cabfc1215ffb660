//! Strategy `cache-policy`: gives the cache the eviction policy whose shadow does best.
//!
//! The decision itself is in `decide.rs`, which knows nothing of the host and is tested natively.

mod decide;

use decide::{Chooser, Settings};
use strategy_sdk::{
    Control, Description, Strategy, TickError, TickInfo, cache, export_strategy, log, metrics,
};

impl Strategy for Chooser {
    type Settings = Settings;

    fn describe() -> Description {
        let summary = "Chooses the eviction policy from what the shadows estimate";
        Description::new("cache-policy", env!("CARGO_PKG_VERSION"), summary).controls(&[Control::CachePolicy])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self::with(settings))
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if let Some(choice) = self.choose(info.tick, &metrics::cache(), &metrics::shadows()) {
            let answer = cache::propose_policy(&choice.policy);
            if answer.is_ok() {
                log::reason(Control::CachePolicy, &choice.reason);
            }
            self.answered(info.tick, &choice, &answer);
        }
        Ok(())
    }
}

export_strategy!(Chooser);
