//! Proposes the worst settings for ever, from tick 2 on.

use strategy_sdk::{
    Description, Strategy, TickError, TickInfo, cache, dial, dials, executor, export_strategy, prefetch,
};

strategy_sdk::settings! {
    /// What a profile may set.
    struct Settings {
        /// Which dials it turns, and how
        how: String = "workers" in ["workers", "turns", "back-and-forth", "capacity", "policy", "every-dial"],
    }
}

struct Worst {
    how: String,
    /// What the IO workers stood at when it was first called.
    found: Option<u32>,
}

impl Strategy for Worst {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new("worst", "0.1.0", "Proposes the worst settings for ever").dials(&[
            dial::CACHE_POLICY,
            dial::CACHE_CAPACITY,
            dial::CACHE_TTL,
            dial::CPU_WORKERS,
            dial::IO_WORKERS,
            dial::PREFETCH_IN_FLIGHT,
            dial::PREFETCH_SHARE,
        ])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { how: settings.how, found: None })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let stands = dials::range(dial::IO_WORKERS).map_or(8.0, |range| range.value);
        // A count of workers is far below 2^32.
        let found = *self.found.get_or_insert(stands as u32);
        if info.tick < 2 {
            return Ok(());
        }
        let every = self.how == "every-dial";
        match self.how.as_str() {
            "turns" => drop(executor::propose_io_workers(1 + u32::from(stands == 1.0))),
            "back-and-forth" => {
                let to = if stands == 1.0 { found } else { 1 };
                drop(executor::propose_io_workers(to));
            }
            "workers" | "every-dial" => {
                drop(executor::propose_io_workers(1));
                drop(executor::propose_cpu_workers(1));
            }
            _ => {}
        }
        if every || self.how == "capacity" {
            drop(cache::propose_capacity(0));
        }
        if every || self.how == "policy" {
            // It evicts what is asked for most as readily as the rest.
            drop(cache::propose_policy("fifo"));
        }
        if every {
            drop(cache::propose_ttl(1));
            drop(prefetch::propose_in_flight(0));
            drop(prefetch::propose_share(0.0));
        }
        Ok(())
    }
}

export_strategy!(Worst);
