//! Loops for ever, from tick 2 on.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct LoopForever;

impl Strategy for LoopForever {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("loop-forever", "0.1.0", "Never comes back from its second tick")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            loop {
                std::hint::black_box(());
            }
        }
        Ok(())
    }
}

export_strategy!(LoopForever);
