//! Plain hill climbing: a step of a tenth, on while throughput rises, back when it falls.
//!
//! The textbook's: throughput of the ticks since the last step, without the first of them, is held against that of the
//! step before. It takes no notice of noise and never rests.

use law::{Driver, Law, Seen};
use strategy_sdk::{Description, Strategy, TickError, TickInfo, dial};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Share of the workers that a step adds or takes, at least one worker
        step: f64 = 0.1 in 0.01..=1.0,
    }
}

struct Hill {
    settings: Settings,
    /// 1 upwards, -1 downwards.
    direction: f64,
    /// Throughput of the step before.
    before: Option<f64>,
    /// Ticks since the step, and what the later ones of them measured.
    ticks: f64,
    seconds: f64,
    succeeded: f64,
}

impl Law for Hill {
    fn measure(&mut self, seen: &Seen) {
        self.ticks += 1.0;
        // The first window holds tasks that were begun before.
        if self.ticks > 1.0 {
            self.seconds += seen.seconds;
            self.succeeded += seen.ended - seen.failed;
        }
    }

    fn decide(&mut self, _: &Seen, limit: f64) -> f64 {
        if self.seconds <= 0.0 {
            return limit;
        }
        let throughput = self.succeeded / self.seconds;
        if self.before.is_some_and(|before| throughput < before) {
            self.direction = -self.direction;
        }
        self.before = Some(throughput);
        (self.ticks, self.seconds, self.succeeded) = (0.0, 0.0, 0.0);
        let step = (limit * self.settings.step).max(1.0);
        // At the end of the range there is one way to go.
        if limit + self.direction * step < 1.0 {
            self.direction = 1.0;
        }
        limit + self.direction * step
    }
}

struct Strategised {
    driver: Driver,
    law: Hill,
}

impl Strategy for Strategised {
    type Settings = Settings;

    fn describe() -> Description {
        Description::new(
            "hill-climbing",
            env!("CARGO_PKG_VERSION"),
            "Steps on while throughput rises, back when it falls",
        )
        .dials(&[dial::CPU_WORKERS, dial::IO_WORKERS])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        let law = Hill { settings, direction: 1.0, before: None, ticks: 0.0, seconds: 0.0, succeeded: 0.0 };
        Ok(Self { driver: Driver::default(), law })
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
    fn it_goes_on_while_throughput_rises_and_turns_when_it_falls() {
        let settings = Settings::default();
        let mut law =
            Hill { settings, direction: 1.0, before: None, ticks: 0.0, seconds: 0.0, succeeded: 0.0 };
        let mut step = |limit: f64, ended: f64| {
            let seen =
                Seen { workers: limit, in_flight: limit, rtt_us: 1e4, ended, failed: 0.0, seconds: 0.5 };
            law.measure(&seen);
            let at_once = law.decide(&seen, limit);
            assert_eq!(at_once, limit, "one window is not enough");
            law.measure(&seen);
            law.decide(&seen, limit)
        };
        assert_eq!(step(40.0, 400.0), 44.0);
        assert_eq!(step(44.0, 440.0), 48.4);
        assert_eq!(step(50.0, 400.0), 45.0, "it turns");
        assert_eq!(step(45.0, 440.0), 40.5, "and goes on that way");
        assert_eq!(step(1.0, 10.0), 2.0, "down again is no way: the throughput fell, and it turns");
    }
}
