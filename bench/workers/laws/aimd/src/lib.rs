//! Additive increase, multiplicative decrease, driven by failures alone.
//!
//! As the `AIMDLimit` of Netflix's concurrency-limits: a tenth less where a request failed or took over five seconds, else one
//! more, as long as at least half of the limit is in use. The increase is TCP's, one for each round trip (Chiu and Jain
//! 1989; Jacobson 1988), so a tick adds as many as round trips fit into it.

use law::{Driver, Law, Seen};
use strategy_sdk::{Description, Strategy, TickError, TickInfo, dial};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Factor on the limit after a failure
        backoff: f64 = 0.9 in 0.5..=0.99,
        /// Seconds from which a request counts as failed
        timeout: f64 = 5.0 in 0.001..=600.0,
    }
}

struct Aimd {
    settings: Settings,
}

impl Law for Aimd {
    fn measure(&mut self, _: &Seen) {}

    fn decide(&mut self, seen: &Seen, limit: f64) -> f64 {
        if seen.failed > 0.0 || seen.rtt_us > self.settings.timeout * 1e6 {
            return (limit * self.settings.backoff).min(limit - 1.0).max(1.0);
        }
        if seen.in_flight * 2.0 < limit {
            return limit;
        }
        limit + (seen.seconds * 1e6 / seen.rtt_us.max(1.0)).max(1.0)
    }
}

struct Strategised {
    driver: Driver,
    law: Aimd,
}

impl Strategy for Strategised {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "aimd",
            env!("CARGO_PKG_VERSION"),
            "Additive increase, multiplicative decrease on failures",
        )
        .dials(&[dial::CPU_WORKERS, dial::IO_WORKERS])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { driver: Driver::default(), law: Aimd { settings } })
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
    fn it_adds_a_round_trip_at_a_time_and_backs_off_on_failures() {
        let mut law = Aimd { settings: Settings::default() };
        let seen = Seen {
            workers: 40.0,
            in_flight: 40.0,
            rtt_us: 50_000.0,
            ended: 400.0,
            failed: 0.0,
            seconds: 0.5,
        };
        assert_eq!(law.decide(&seen, 40.0), 50.0);
        assert_eq!(law.decide(&Seen { in_flight: 19.0, ..seen }, 40.0), 40.0);
        assert_eq!(law.decide(&Seen { failed: 1.0, ..seen }, 40.0), 36.0);
        assert_eq!(law.decide(&Seen { failed: 1.0, ..seen }, 5.0), 4.0);
        assert_eq!(law.decide(&Seen { rtt_us: 6e6, ..seen }, 1.0), 1.0);
    }
}
