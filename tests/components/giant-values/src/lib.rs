//! Hands over a string of 32 MB in even ticks, and a list of as many bytes in odd ones, from tick 2 on.

use strategy_sdk::{
    Description, NoSettings, Strategy, TickError, TickInfo, cache, dial, export_strategy, prefetch,
};

/// Below the memory that a component has where the profile says nothing.
const BYTES: usize = 32_000_000;

struct GiantValues;

impl Strategy for GiantValues {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("giant-values", "0.1.0", "Hands over megabytes in one call")
            .dials(&[dial::CACHE_POLICY])
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick < 2 {
            return Ok(());
        }
        if info.tick.is_multiple_of(2) {
            cache::propose_policy(&"x".repeat(BYTES)).ok();
        } else {
            let targets = vec![7; BYTES / size_of::<u64>()];
            let rule = prefetch::Rule::Association(prefetch::AssociationRule { key: 1, targets });
            prefetch::propose_rule(1, &rule).ok();
        }
        Ok(())
    }
}

export_strategy!(GiantValues);
