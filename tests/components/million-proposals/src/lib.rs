//! Proposes a million times in one tick, the first one after tick 1, and then no more.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, cache, dial, export_strategy};

struct MillionProposals {
    done: bool,
}

impl Strategy for MillionProposals {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("million-proposals", "0.1.0", "Proposes a million times in one tick")
            .dials(&[dial::CACHE_POLICY])
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self { done: false })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 && !std::mem::replace(&mut self.done, true) {
            for _ in 0..1_000_000 {
                cache::propose_policy("lru").ok();
            }
        }
        Ok(())
    }
}

export_strategy!(MillionProposals);
