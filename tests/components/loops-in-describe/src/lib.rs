//! Loops for ever when asked what it is.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct LoopsInDescribe;

impl Strategy for LoopsInDescribe {
    type Settings = NoSettings;

    fn describe() -> Description {
        loop {
            std::hint::black_box(());
        }
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
        Ok(())
    }
}

export_strategy!(LoopsInDescribe);
