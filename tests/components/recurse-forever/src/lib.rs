//! Recurses for ever, from tick 2 on, with a frame that is too large to be optimised away.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct RecurseForever;

impl Strategy for RecurseForever {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("recurse-forever", "0.1.0", "Calls itself until the stack ends")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            std::hint::black_box(deeper(info.tick));
        }
        Ok(())
    }
}

export_strategy!(RecurseForever);

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn deeper(level: u64) -> u64 {
    let frame = std::hint::black_box([level; 32]);
    deeper(level + 1) + frame.iter().sum::<u64>()
}
