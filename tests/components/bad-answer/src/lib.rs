//! Answers with an error, from tick 2 on.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct BadAnswer;

impl Strategy for BadAnswer {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("bad-answer", "0.1.0", "Answers a tick with an error")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            return Err(TickError::Other("no idea what to do at tick 2".to_owned()));
        }
        Ok(())
    }
}

export_strategy!(BadAnswer);
