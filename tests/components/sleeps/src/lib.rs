//! Sleeps for a minute in each tick, from tick 2 on.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct Sleeps;

impl Strategy for Sleeps {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("sleeps", "0.1.0", "Sleeps for a minute")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            std::thread::sleep(std::time::Duration::from_secs(60));
        }
        Ok(())
    }
}

export_strategy!(Sleeps);
