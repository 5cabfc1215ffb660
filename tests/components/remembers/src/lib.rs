//! Counts its ticks in its memory alone, logs the count, and hands it over. Its setting makes that go wrong.

use strategy_sdk::{Description, HandOver, Strategy, TickError, TickInfo, export_strategy, log};

strategy_sdk::settings! {
    /// What a profile may set.
    struct Settings {
        /// What goes wrong: nothing, much (it saves more than it may), refuses (it does not take what was saved), panics
        wrong: String = "nothing" in ["nothing", "much", "refuses", "panics"],
    }
}

struct Remembers {
    settings: Settings,
    ticks: u64,
}

impl Strategy for Remembers {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("remembers", "0.1.0", "Counts its ticks in its memory, and hands the count over")
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { settings, ticks: 0 })
    }

    fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
        self.ticks += 1;
        log::info(format!("remembers {}", self.ticks));
        Ok(())
    }
}

impl HandOver for Remembers {
    fn save(&mut self) -> Vec<u8> {
        let mut saved = self.ticks.to_le_bytes().to_vec();
        if self.settings.wrong == "much" {
            saved.resize(1_000_000, 0);
        }
        saved
    }

    fn restore(&mut self, saved: &[u8]) -> Result<(), String> {
        // Before anything can go wrong: a fresh start must not show it.
        self.ticks = u64::from_le_bytes(saved.try_into().map_err(|_| "expected 8 bytes")?);
        match self.settings.wrong.as_str() {
            "refuses" => Err("these are not mine".to_owned()),
            "panics" => panic!("what is this"),
            _ => Ok(()),
        }
    }
}

export_strategy!(Remembers, hand_over);
