//! A strategy: looks at what was measured once a tick, and proposes settings.
//!
//! Replace what `wanted` decides with an idea of your own. Keep decisions in functions that take what was measured as
//! arguments: natively, in `cargo test`, the host's calls are stubs that panic.

use strategy_sdk::*;

settings! {
    /// What a profile may set.
    struct Settings {
        /// Factor by which the cache grows
        factor: f64 = 1.25 in 1.0..=4.0,
        /// Ticks between two proposals
        dwell_ticks: u64 = 4 in 1..,
    }
}

/// What it keeps from tick to tick.
struct Plugin {
    settings: Settings,
    last: u64,
}

impl Strategy for Plugin {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "{{name}}",
            env!("CARGO_PKG_VERSION"),
            "Grows the cache while it evicts",
        )
        .dials(&[dial::CACHE_CAPACITY])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { settings, last: 0 })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let now = metrics::cache();
        if info.tick < self.last + self.settings.dwell_ticks {
            return Ok(());
        }
        let Some(bytes) = wanted(
            now.window_evictions,
            now.capacity_bytes,
            self.settings.factor,
        ) else {
            return Ok(());
        };
        match cache::propose_capacity(bytes) {
            Ok(_) => {
                self.last = info.tick;
                dials::explain(
                    dial::CACHE_CAPACITY,
                    format_args!("{} evictions", now.window_evictions),
                );
            }
            // Another strategy may have more priority, or the dial may be cooling down: no error of this one.
            Err(refused) => log::debug(refused),
        }
        Ok(())
    }
}

/// The capacity to propose, in bytes; none where the present one does.
fn wanted(evictions: u64, capacity: u64, factor: f64) -> Option<u64> {
    (evictions > 0).then(|| (capacity as f64 * factor) as u64)
}

export_strategy!(Plugin);

#[cfg(test)]
mod tests {
    use super::wanted;

    #[test]
    fn a_cache_that_does_not_evict_stays_as_it_is() {
        assert_eq!(wanted(0, 1_000, 1.5), None);
        assert_eq!(wanted(7, 1_000, 1.5), Some(1_500));
    }
}
