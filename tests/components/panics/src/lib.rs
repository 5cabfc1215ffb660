//! Panics, from tick 2 on.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct Panics;

impl Strategy for Panics {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("panics", "0.1.0", "Panics with a message")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            panic!("tick {} is more than this strategy can bear", info.tick);
        }
        Ok(())
    }
}

export_strategy!(Panics);
