//! Describes itself by a name that would lead out of a directory.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct BadName;

impl Strategy for BadName {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("../Bad Name\n", "0.1.0", "Has a name that cannot be one")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
        Ok(())
    }
}

export_strategy!(BadName);
