//! TCP Vegas on a pool: the limit follows how many requests queue inside the server.
//!
//! As the `VegasLimit` of Netflix's concurrency-limits after Brakmo and Peterson (1995): of a limit L, L (1 - least round
//! trip / round trip) requests queue. With l = log10 of the limit, at least 1: up to l in the queue 6 l more, under 3 l one
//! l more, over 6 l one l less. A failure is one l less. Every 30 L updates the least round trip is measured anew; the
//! published jitter on that (0.5 to 1) is 0.75 here, so that a run is the same twice. An update is a tick, and a round trip
//! the mean of its window.

use law::{Driver, Law, Seen};
use strategy_sdk::{Description, Strategy, TickError, TickInfo, dial};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Updates, times the limit, after which the least round trip is measured anew
        probe: f64 = 22.5 in 1.0..=1000.0,
        /// Share of the way to the new limit that an update goes
        smoothing: f64 = 1.0 in 0.01..=1.0,
    }
}

struct Vegas {
    settings: Settings,
    least_us: Option<f64>,
    updates: f64,
}

impl Law for Vegas {
    fn measure(&mut self, _: &Seen) {}

    fn decide(&mut self, seen: &Seen, limit: f64) -> f64 {
        let rtt = seen.rtt_us.max(1.0);
        self.updates += 1.0;
        if self.updates >= self.settings.probe * limit {
            self.updates = 0.0;
            self.least_us = Some(rtt);
            return limit;
        }
        let Some(least) = self.least_us.filter(|least| rtt >= *least) else {
            self.least_us = Some(rtt);
            return limit;
        };
        let unit = limit.log10().floor().max(1.0);
        let queued = (limit * (1.0 - least / rtt)).ceil();
        let wanted = if seen.failed > 0.0 {
            limit - unit
        } else if seen.in_flight * 2.0 < limit {
            return limit;
        } else if queued <= unit {
            limit + 6.0 * unit
        } else if queued < 3.0 * unit {
            limit + unit
        } else if queued > 6.0 * unit {
            limit - unit
        } else {
            return limit;
        };
        limit + self.settings.smoothing * (wanted.max(1.0) - limit)
    }
}

struct Strategised {
    driver: Driver,
    law: Vegas,
}

impl Strategy for Strategised {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "vegas",
            env!("CARGO_PKG_VERSION"),
            "Keeps few requests in the queue inside the server",
        )
        .dials(&[dial::CPU_WORKERS, dial::IO_WORKERS])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { driver: Driver::default(), law: Vegas { settings, least_us: None, updates: 0.0 } })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        self.driver.tick(&info, &mut self.law);
        Ok(())
    }
}

strategy_sdk::export_strategy!(Strategised);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_queue_between_its_marks() {
        let mut law = Vegas { settings: Settings::default(), least_us: Some(10_000.0), updates: 0.0 };
        let seen = Seen {
            workers: 50.0,
            in_flight: 50.0,
            rtt_us: 10_000.0,
            ended: 400.0,
            failed: 0.0,
            seconds: 0.5,
        };
        let mut at = |rtt_us: f64, failed: f64| law.decide(&Seen { rtt_us, failed, ..seen }, 50.0);
        assert_eq!([at(10_000.0, 0.0), at(10_400.0, 0.0)], [56.0, 51.0]);
        assert_eq!([at(11_000.0, 0.0), at(20_000.0, 0.0)], [50.0, 49.0]);
        assert_eq!(at(10_000.0, 3.0), 49.0);
        assert_eq!(at(9_000.0, 0.0), 50.0, "a new least round trip");
        assert_eq!(law.least_us, Some(9_000.0));
        law.updates = 1e9;
        law.decide(&Seen { rtt_us: 30_000.0, ..seen }, 50.0);
        assert_eq!(law.least_us, Some(30_000.0), "measured anew");
    }
}
