//! Which policy misses less than the one in force, beyond chance, where the shadows follow few keys.
//!
//! All shadows follow the same keys, so that what chance does to one it does to all: what is looked at is how many fewer a policy
//! misses than the one in force, tick by tick. A sum of such differences is off by about the root of their squares. What steady
//! ticks differ by counts among the squares too, so that nothing is seen before as many ticks as the square of the
//! errors asked for.
//!
//! No number of requests makes up for the choice of the keys: another sample gives other miss ratios, also in the long run. So
//! a lead has to be a share of the requests as well.
//!
//! All of it begins anew with another policy in force, and half is forgotten after some turnovers of the shadows.

use std::collections::BTreeMap;

/// Followed requests after which half is forgotten, for each entry that a shadow holds.
const HALF_LIFE: f64 = 8.0;

/// Misses that a policy saves against the one in force.
#[derive(Debug, Default, Clone, Copy)]
struct Saved {
    misses: f64,
    squares: f64,
}

/// What was seen of each policy beside the one in force, of the followed requests.
#[derive(Debug, Default)]
pub(super) struct Evidence {
    in_force: String,
    requests: f64,
    saved: BTreeMap<String, Saved>,
}

/// How much a policy has to be better by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bar {
    /// Standard errors.
    pub(super) errors: f64,
    /// Share of the requests.
    pub(super) share: f64,
    /// Misses of followed requests.
    pub(super) misses: f64,
}

impl Evidence {
    /// Adds a tick: its followed `requests`, of which the shadow of each policy missed `misses`, and how many `entries` one holds.
    pub(super) fn add(&mut self, in_force: &str, misses: &BTreeMap<&str, f64>, requests: f64, entries: f64) {
        let Some(&own) = misses.get(in_force) else { return };
        if self.in_force != in_force {
            *self = Self { in_force: in_force.to_owned(), ..Self::default() };
        }
        let kept = 0.5_f64.powf(requests / (HALF_LIFE * entries.max(1.0)));
        self.requests = self.requests * kept + requests;
        self.saved.retain(|policy, _| misses.contains_key(policy.as_str()));
        for (&policy, &other) in misses.iter().filter(|(policy, _)| **policy != in_force) {
            let saved = self.saved.entry(policy.to_owned()).or_default();
            let more = own - other;
            saved.misses = saved.misses * kept + more;
            saved.squares = saved.squares * kept + more * more;
        }
    }

    /// The policy that is better by most, of those `on_offer` that pass the bar, and what it has saved.
    pub(super) fn best(&self, bar: Bar, on_offer: impl Fn(&str) -> bool) -> Option<(&str, f64)> {
        let beyond = |saved: Saved| saved.misses - bar.errors * saved.squares.sqrt();
        let passes = |saved: Saved| beyond(saved) > bar.share * self.requests && saved.misses > bar.misses;
        let passing = self.saved.iter().filter(|(policy, saved)| passes(**saved) && on_offer(policy));
        let best = passing.max_by(|one, other| beyond(*one.1).total_cmp(&beyond(*other.1)));
        best.map(|(policy, saved)| (policy.as_str(), saved.misses))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Evidence};
    use std::collections::BTreeMap;

    const BAR: Bar = Bar { errors: 3.0, share: 0.01, misses: 5.0 };

    /// A tick of 100 followed requests.
    fn add(evidence: &mut Evidence, in_force: &str, arc: f64, lru: f64) {
        evidence.add(in_force, &BTreeMap::from([("arc", arc), ("lru", lru)]), 100.0, 300.0);
    }

    #[test]
    fn a_lead_is_seen_once_it_is_no_chance() {
        let mut evidence = Evidence::default();
        let mut seen = 0;
        while evidence.best(BAR, |_| true).is_none() {
            add(&mut evidence, "lru", 45.0, 50.0);
            seen += 1;
        }
        // Nine ticks of the same difference are three errors of it, and 1 % of the requests comes to that.
        assert!((10..20).contains(&seen), "{seen}");
        assert_eq!(evidence.best(BAR, |_| true).unwrap().0, "arc");
        assert_eq!(evidence.best(BAR, |policy| policy != "arc"), None);
        add(&mut evidence, "arc", 45.0, 50.0);
        assert_eq!(evidence.best(BAR, |_| true), None, "another policy in force");
    }

    #[test]
    fn chance_and_trifles_are_no_lead() {
        let (mut chance, mut trifles) = (Evidence::default(), Evidence::default());
        for tick in 0..2_000_u64 {
            let random = (tick.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % 11;
            add(&mut chance, "lru", 45.0 + f64::from(u32::try_from(random).unwrap()), 50.0);
            assert_eq!(chance.best(BAR, |_| true), None, "tick {tick}");
            add(&mut trifles, "lru", 49.0, 50.0);
            assert_eq!(trifles.best(BAR, |_| true), None, "1 % of the requests is not more than that");
        }
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut evidence = Evidence::default();
        (0..1_000).for_each(|_| add(&mut evidence, "lru", 60.0, 50.0));
        let ticks = (0..1_000).position(|_| {
            add(&mut evidence, "lru", 40.0, 50.0);
            evidence.best(BAR, |_| true).is_some()
        });
        // Half is forgotten in 24 ticks.
        assert!((25..80).contains(&ticks.unwrap()), "{ticks:?}");
    }

    #[test]
    fn a_policy_without_a_shadow_is_compared_with_none() {
        let mut evidence = Evidence::default();
        (0..100).for_each(|_| add(&mut evidence, "sieve", 1.0, 50.0));
        assert_eq!(evidence.best(BAR, |_| true), None);
    }
}
