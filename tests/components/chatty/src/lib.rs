//! Proposes for a dial 100,000 times and the log 10,000 times a tick, from tick 2 on.

use strategy_sdk::{
    Description, NoSettings, Strategy, TickError, TickInfo, cache, dial, export_strategy, log,
};

struct Chatty;

impl Strategy for Chatty {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("chatty", "0.1.0", "Proposes 100,000 times and logs 10,000 lines a tick")
            .dials(&[dial::CACHE_POLICY])
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            for _ in 0..100_000 {
                cache::propose_policy("lru").ok();
            }
            for line in 0..10_000 {
                log::info(format_args!("line {line}"));
            }
        }
        Ok(())
    }
}

export_strategy!(Chatty);
