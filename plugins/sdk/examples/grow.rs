//! A strategy with a setting and a memory: grows the cache while it evicts, and waits between two proposals.
//!
//! Build it, in the folder `plugins/`:
//!
//! ```text
//! cargo build --release --target wasm32-wasip2 -p strategy-sdk --example grow
//! ```
//!
//! Name it in a profile, `mine.toml`:
//!
//! ```text
//! base = "medium"
//! strategies.grow = { grants = ["metrics", "cache-control", "dials", "settings", "log"], settings = { percent = 150 } }
//! ```
//!
//! Run it, in the repository:
//!
//! ```text
//! host run --profile mine.toml --plugin-dir plugins/target/wasm32-wasip2/release/examples TRACE
//! ```

use strategy_sdk::{
    Description, Strategy, TickError, TickInfo, cache, dial, dials, export_strategy, log, metrics, settings,
};

settings! {
    /// What a profile may set. The host checks it before the strategy starts.
    struct Settings {
        /// Capacity that is proposed, in percent of the present one
        percent: u64 = 125 in 101..=400,
        /// Ticks between two proposals
        dwell_ticks: u64 = 4 in 1..=1_000,
    }
}

/// Lives from tick to tick, so that it can remember.
struct Grow {
    settings: Settings,
    /// The first tick at which it may propose again.
    next: u64,
}

impl Strategy for Grow {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("grow", env!("CARGO_PKG_VERSION"), "Grows the cache while it evicts")
            .dials(&[dial::CACHE_CAPACITY])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { settings, next: 0 })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let now = metrics::cache();
        if now.window_evictions == 0 || info.tick < self.next {
            return Ok(());
        }
        // The host keeps a proposal within the profile's bounds and the memory cap, and says so.
        match cache::propose_capacity(now.capacity_bytes / 100 * self.settings.percent) {
            Ok(_) => {
                self.next = info.tick + self.settings.dwell_ticks;
                // Stands beside the decision in the report and on the ledger.
                dials::explain(dial::CACHE_CAPACITY, format_args!("{} evictions", now.window_evictions));
            }
            // Another strategy may have more priority, or the dial rests after a change. That is no fault of this one.
            Err(refused) => log::debug(refused),
        }
        Ok(())
    }
}

export_strategy!(Grow);
