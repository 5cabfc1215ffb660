//! Panics: in each tick from the second on, or now and then.

use strategy_sdk::{Description, Strategy, TickError, TickInfo, export_strategy};

strategy_sdk::settings! {
    /// What a profile may set.
    struct Settings {
        /// It panics in ticks that are multiples of it; in each for 1
        every: u32 = 1 in 1..=1000,
    }
}

struct Panics {
    every: u64,
}

impl Strategy for Panics {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("panics", "0.1.0", "Panics with a message")
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { every: settings.every.into() })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 && info.tick.is_multiple_of(self.every) {
            panic!("tick {} is more than this strategy can bear", info.tick);
        }
        Ok(())
    }
}

export_strategy!(Panics);
