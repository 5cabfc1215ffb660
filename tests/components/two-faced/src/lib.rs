//! Describes itself differently each time it is asked.

use std::hash::{BuildHasher as _, RandomState};

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct TwoFaced;

impl Strategy for TwoFaced {
    type Settings = NoSettings;

    fn describe() -> Description {
        // Its random bytes are others in each start of it.
        let number = RandomState::new().hash_one(1);
        Description::new("two-faced", "0.1.0", format!("Is number {number} today").leak())
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
        Ok(())
    }
}

export_strategy!(TwoFaced);
