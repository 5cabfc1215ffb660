//! Netflix Gradient2: the limit follows the ratio of the long and the short round trip.
//!
//! As the `Gradient2Limit` of Netflix's concurrency-limits with its defaults, a window being a tick: long round trip, an
//! exponential mean over 600 windows (the plain mean of the first ten); gradient, long over short, between 0.5 and 1; new
//! limit, gradient times the limit plus 4, of which each update takes a fifth; never under 20 or over 200.

use law::{Driver, Law, Seen};
use strategy_sdk::{Description, Strategy, TickError, TickInfo, dial};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Windows of the long round trip
        long_window: f64 = 600.0 in 10.0..=100000.0,
        /// Share of the way to the new limit that an update goes
        smoothing: f64 = 0.2 in 0.01..=1.0,
        /// Requests that may queue inside the server
        queue: f64 = 4.0 in 0.0..=1000.0,
        /// The least limit
        least: f64 = 20.0 in 1.0..=4096.0,
        /// The largest limit
        most: f64 = 200.0 in 1.0..=4096.0,
    }
}

/// Windows whose plain mean begins the long round trip.
const WARM_UP: f64 = 10.0;

struct Gradient2 {
    settings: Settings,
    windows: f64,
    long_us: f64,
}

impl Law for Gradient2 {
    fn measure(&mut self, seen: &Seen) {
        self.windows += 1.0;
        let weight = if self.windows <= WARM_UP {
            1.0 / self.windows
        } else {
            2.0 / (self.settings.long_window + 1.0)
        };
        self.long_us += (seen.rtt_us - self.long_us) * weight;
        if self.long_us > 2.0 * seen.rtt_us {
            self.long_us *= 0.9;
        }
    }

    fn decide(&mut self, seen: &Seen, limit: f64) -> f64 {
        let Settings { smoothing, queue, least, most, .. } = self.settings;
        if seen.in_flight < limit / 2.0 {
            return limit;
        }
        let gradient = (self.long_us / seen.rtt_us.max(1.0)).clamp(0.5, 1.0);
        let wanted = limit * gradient + queue;
        (limit + smoothing * (wanted - limit)).clamp(least, most.max(least))
    }
}

struct Strategised {
    driver: Driver,
    law: Gradient2,
}

impl Strategy for Strategised {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "gradient2",
            env!("CARGO_PKG_VERSION"),
            "Follows the ratio of the long and the short round trip",
        )
        .dials(&[dial::CPU_WORKERS, dial::IO_WORKERS])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { driver: Driver::default(), law: Gradient2 { settings, windows: 0.0, long_us: 0.0 } })
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
    fn it_grows_by_the_queue_and_gives_up_to_half() {
        let mut law = Gradient2 { settings: Settings::default(), windows: 0.0, long_us: 0.0 };
        let seen = Seen {
            workers: 50.0,
            in_flight: 50.0,
            rtt_us: 10_000.0,
            ended: 400.0,
            failed: 0.0,
            seconds: 0.5,
        };
        (0..20).for_each(|_| law.measure(&seen));
        assert_eq!(law.long_us, 10_000.0);
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        near(law.decide(&seen, 50.0), 50.8);
        near(law.decide(&Seen { rtt_us: 100_000.0, ..seen }, 50.0), 50.0 * 0.9 + 0.8);
        near(law.decide(&Seen { in_flight: 10.0, ..seen }, 50.0), 50.0);
        near(law.decide(&seen, 3.0), 20.0);
        law.measure(&Seen { rtt_us: 1_000.0, ..seen });
        assert!(law.long_us < 9_000.0, "{}", law.long_us);
    }
}
