//! Logs a million lines in one tick, the first one after tick 1, and then no more.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy, log};

struct MillionLines {
    done: bool,
}

impl Strategy for MillionLines {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("million-lines", "0.1.0", "Logs a million lines in one tick")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self { done: false })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 && !std::mem::replace(&mut self.done, true) {
            for _ in 0..1_000_000 {
                log::info("once more");
            }
        }
        Ok(())
    }
}

export_strategy!(MillionLines);
