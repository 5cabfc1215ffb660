//! Which of the laws is heard.
//!
//! A shortage of memory comes first. While what was given up in one is not back, nobody grows. Then the target, where there is
//! one; without a target the saver, where memory is the objective. The split between cache and warm tier is thought about in
//! ticks in which nothing else happens.

use strategy_sdk::{Acceptance, ControlError, count};

use crate::Settings;
use crate::observation::{Change, Observation, Part, whole};
use crate::pressure::Pressure;
use crate::saver::Saver;
use crate::split::{Sizes, Split};
use crate::target::Target;

/// Ticks without a proposal after one that was refused for good: it would be refused again.
const REFUSED_TICKS: u64 = 16;

/// The law, with its memory from tick to tick.
#[derive(Debug)]
pub(crate) struct Law {
    settings: Settings,
    pressure: Pressure,
    target: Target,
    split: Split,
    /// None where memory is not the objective.
    saver: Option<Saver>,
    /// No proposal before this tick, but for a shortage.
    silent_until: u64,
}

impl Law {
    pub(crate) fn new(settings: Settings, saves: bool) -> Self {
        let saver = saves.then(|| Saver::new(settings.spare));
        Self {
            settings,
            pressure: Pressure::default(),
            target: Target::default(),
            split: Split::default(),
            saver,
            silent_until: 0,
        }
    }

    /// Whether it needs to know what other capacities would miss, where there is a target, or a warm tier.
    pub(crate) fn reads_the_curve(&self, has_target: bool, has_warm: bool) -> bool {
        self.saver.is_some() || has_target || has_warm
    }

    /// Takes in one tick's figures; answers what should change.
    pub(crate) fn look(&mut self, now: &Observation) -> Vec<Change> {
        let (cache, warm) = (count(now.cache.capacity_bytes), now.warm.map_or(0.0, |warm| warm.capacity));
        let in_warm = now.warm.and_then(|warm| warm.bytes).unwrap_or(warm);
        let held = (cache + warm, count(now.cache.used_bytes) + in_warm);
        if let Some((all, reason)) = self.pressure.look(&self.settings, now.seconds, now.room, held) {
            return share(all, now, &reason);
        }
        let heard = now.tick >= self.silent_until;
        let target = now.target.and_then(|target| self.target.look(&self.settings, now, target));
        let saved = match (&mut self.saver, now.target) {
            (Some(saver), None) => saver.look(heard, &now.cache, &now.shadows, now.least),
            _ => None,
        };
        let split = now.warm.and_then(|warm| self.split.look(&self.settings, now, warm));
        if !heard {
            return Vec::new();
        }
        let of_cache = target.map(|(bytes, reason)| change(Part::Cache, bytes, reason)).or(saved);
        if let Some(change) = of_cache {
            let grows = change.bytes > now.cache.capacity_bytes;
            return if grows && self.pressure.holds() { Vec::new() } else { vec![change] };
        }
        split.map(|(sizes, reason)| both(sizes, &reason)).unwrap_or_default()
    }

    /// Takes in what the host said to a change.
    pub(crate) fn answered(&mut self, now: &Observation, answer: &Result<Acceptance, ControlError>) {
        match answer {
            Ok(_) => {}
            Err(ControlError::CoolingDown(until)) => self.silent_until = self.silent_until.max(*until),
            Err(_) => self.silent_until = now.tick + REFUSED_TICKS,
        }
    }
}

/// Both get as much of it as they have of what both have now.
fn share(all: f64, now: &Observation, reason: &str) -> Vec<Change> {
    let cache = count(now.cache.capacity_bytes);
    let Some(warm) = now.warm else {
        return vec![change(Part::Cache, all.clamp(now.least, now.most), reason.to_owned())];
    };
    let part = cache / (cache + warm.capacity).max(1.0);
    let sizes =
        Sizes { cache: (all * part).clamp(now.least, now.most), warm: (all * (1.0 - part)).max(warm.least) };
    both(sizes, reason)
}

fn both(sizes: Sizes, reason: &str) -> Vec<Change> {
    vec![
        change(Part::Cache, sizes.cache, reason.to_owned()),
        change(Part::Warm, sizes.warm, reason.to_owned()),
    ]
}

fn change(part: Part, bytes: f64, reason: String) -> Change {
    Change { part, bytes: whole(bytes), reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::Warm;
    use crate::observation::testing::{observation, shadows};

    fn settings() -> Settings {
        Settings { requests: 10_000, ..Settings::default() }
    }

    fn now() -> Observation {
        observation(1_000_000, 6_000, 4_000, shadows([0.5, 0.4, 0.3]))
    }

    #[test]
    fn without_a_wish_nothing_changes() {
        let mut law = Law::new(settings(), false);
        assert!(!law.reads_the_curve(false, false));
        assert!((0..50).all(|_| law.look(&now()).is_empty()));
    }

    #[test]
    fn a_shortage_shrinks_both_in_proportion_and_comes_before_all() {
        let mut law = Law::new(settings(), false);
        let warm = Warm { capacity: 3e6, least: 65_536.0, bytes: Some(3e6), ..Warm::default() };
        let mut now = Observation { warm: Some(warm), target: Some(0.9), room: Some(0.0), ..now() };
        let sizes: Vec<_> = law.look(&now).into_iter().map(|change| (change.part, change.bytes)).collect();
        assert_eq!(sizes, [(Part::Cache, 750_000), (Part::Warm, 2_250_000)]);
        // The target would have it grow, and waits for what was given up to be back.
        now.room = Some(1e9);
        assert!((0..9).all(|_| law.look(&now).is_empty()));
    }

    #[test]
    fn a_target_takes_the_place_of_the_saver() {
        let flat = observation(1_000_000, 6_000, 4_000, shadows([0.4, 0.4, 0.4]));
        let mut law = Law::new(settings(), true);
        law.look(&flat);
        assert_eq!(law.look(&flat)[0].bytes, 500_000, "half brings nothing");
        let mut law = Law::new(settings(), true);
        let wanted = Observation { target: Some(0.6), ..flat };
        assert!((0..9).all(|_| law.look(&wanted).is_empty()), "it is as it should be");
    }

    #[test]
    fn a_refusal_is_waited_for() {
        let mut law = Law::new(settings(), false);
        let mut now = Observation { target: Some(0.9), ..now() };
        law.look(&now);
        assert_eq!(law.look(&now).len(), 1);
        law.answered(&now, &Err(ControlError::CoolingDown(now.tick + 3)));
        for _ in 0..3 {
            assert!(law.look(&now).is_empty());
            now.tick += 1;
        }
        assert_eq!(law.look(&now).len(), 1);
    }
}
