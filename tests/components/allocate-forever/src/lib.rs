//! Allocates for ever, from tick 2 on, and touches what it gets.

use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, export_strategy};

struct AllocateForever;

impl Strategy for AllocateForever {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("allocate-forever", "0.1.0", "Takes all memory that there is")
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            let mut blocks = Vec::new();
            loop {
                blocks.push(std::hint::black_box(vec![1_u8; 1 << 20]));
            }
        }
        Ok(())
    }
}

export_strategy!(AllocateForever);
