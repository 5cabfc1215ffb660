//! A strategy with a setting and with something learnt: gives the cache the capacity that the last run ended with.
//!
//! It keeps the capacity in force every few ticks, and proposes what was kept until the next run takes it. Build it as
//! `grow.rs` beside it, and name it in a profile with a folder for what is learnt:
//!
//! ```text
//! base = "medium"
//! plugins.state-dir = "learnt"
//! strategies.resume = { grants = ["metrics", "cache-control", "settings", "state", "log"], settings = { every = 16 } }
//! ```

use strategy_sdk::{
    Description, Strategy, TickError, TickInfo, cache, dial, export_strategy, log, metrics, settings, state,
};

/// Where the capacity is kept, with the version of its format.
const KEY: &str = "capacity.1";

settings! {
    /// What a profile may set.
    struct Settings {
        /// Ticks between two times that the capacity is kept
        every: u64 = 16 in 1..=10_000,
    }
}

struct Resume {
    settings: Settings,
    /// What the last run ended with, until it was proposed.
    before: Option<u64>,
}

impl Strategy for Resume {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "resume",
            env!("CARGO_PKG_VERSION"),
            "Begins with the capacity that the last run ended with",
        )
        .dials(&[dial::CACHE_CAPACITY])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        // Bytes of another length are of another version of this strategy: as if there were none.
        let before = state::get(KEY).and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes);
        Ok(Self { settings, before })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if let Some(before) = self.before {
            // It is refused while the cache is cold: a capacity is not turned before there is something to hold it against.
            match cache::propose_capacity(before) {
                Ok(_) => self.before = None,
                Err(refused) => log::debug(refused),
            }
            return Ok(());
        }
        let capacity = metrics::cache().capacity_bytes;
        if info.tick.is_multiple_of(self.settings.every)
            && let Err(error) = state::set(KEY, &capacity.to_le_bytes())
        {
            log::warn(format!("not kept: {error:?}"));
        }
        Ok(())
    }
}

export_strategy!(Resume);
