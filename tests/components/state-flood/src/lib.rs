//! Sets 100,000 keys in a tick, from tick 2 on, and does not mind that they are refused.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy, state};

struct StateFlood;

impl Strategy for StateFlood {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("state-flood", "0.1.0", "Wants more kept than is kept")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        for key in 0..if info.tick >= 2 { 100_000 } else { 0 } {
            drop(state::set(&format!("key {key}"), &[0; 64]));
        }
        Ok(())
    }
}

export_strategy!(StateFlood);
