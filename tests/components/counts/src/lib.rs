//! Counts its ticks in what it has learnt, logs the count, and panics at the tick of its life that its setting names.

use strategy_sdk::{Description, Strategy, TickError, TickInfo, export_strategy, log, state};

strategy_sdk::settings! {
    /// What a profile may set.
    struct Settings {
        /// The tick of an instance in which it panics; 0: never
        panics_after: u64 = 0,
        /// Bytes of ballast that it tries to keep as well
        ballast: u32 = 0,
    }
}

struct Counts {
    settings: Settings,
    /// Ticks of this instance.
    own: u64,
}

impl Strategy for Counts {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("counts", "0.1.0", "Counts its ticks in what it has learnt")
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { settings, own: 0 })
    }

    fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
        self.own += 1;
        let known = state::get("ticks").and_then(|bytes| bytes.try_into().ok());
        let ticks = known.map_or(0, u64::from_le_bytes) + 1;
        state::set("ticks", &ticks.to_le_bytes()).map_err(|error| TickError::Other(format!("{error:?}")))?;
        if self.settings.ballast > 0
            && let Err(error) = state::set("ballast", &vec![0; self.settings.ballast as usize])
        {
            log::warn(format!("{error:?}"));
        }
        log::info(format!("count {ticks}"));
        assert!(self.own != self.settings.panics_after, "counted to {ticks}");
        Ok(())
    }
}

export_strategy!(Counts);
