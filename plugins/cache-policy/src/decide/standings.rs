//! How far each policy is behind the best one, in misses, with a bounded memory.

use std::collections::BTreeMap;

/// Of each policy that has a shadow: its misses behind the leader, who has 0. Nobody falls further behind than a bound, so
/// that what happened long ago is forgotten, and a policy that does better from now on can be told soon.
#[derive(Debug, Default)]
pub(super) struct Standings(BTreeMap<String, f64>);

impl Standings {
    /// Adds the misses of a window. Nobody is more than `most` behind. A policy that is new starts beside `present`.
    pub(super) fn add(&mut self, misses: &BTreeMap<&str, f64>, present: &str, most: f64) {
        let start = self.behind(present);
        self.0.retain(|policy, _| misses.contains_key(policy.as_str()));
        for (&policy, &more) in misses {
            match self.0.get_mut(policy) {
                Some(behind) => *behind += more,
                None => drop(self.0.insert(policy.to_owned(), start + more)),
            }
        }
        let least = self.0.values().copied().fold(f64::INFINITY, f64::min);
        for behind in self.0.values_mut() {
            *behind = (*behind - least).min(most);
        }
    }

    /// How far a policy is behind; 0 for one that is not known.
    pub(super) fn behind(&self, policy: &str) -> f64 {
        self.0.get(policy).copied().unwrap_or(0.0)
    }

    /// The policy that is least behind, of those `on_offer`. Of equals the one that comes first in `preferred`, where names
    /// have no spaces.
    pub(super) fn leader(
        &self,
        preferred: &[String],
        on_offer: impl Fn(&str) -> bool,
    ) -> Option<(&str, f64)> {
        let place = |policy: &String| {
            let policy = policy.replace(' ', "");
            preferred.iter().position(|other| *other == policy).unwrap_or(usize::MAX)
        };
        let offered = self.0.iter().filter(|(policy, _)| on_offer(policy));
        let first =
            offered.min_by(|one, two| one.1.total_cmp(two.1).then_with(|| place(one.0).cmp(&place(two.0))));
        first.map(|(policy, &behind)| (policy.as_str(), behind))
    }
}

#[cfg(test)]
mod tests {
    use super::Standings;
    use std::collections::BTreeMap;

    #[test]
    fn nobody_is_further_behind_than_the_bound() {
        let mut standings = Standings::default();
        let window = |lru: f64, arc: f64| BTreeMap::from([("lru", lru), ("arc", arc)]);
        for _ in 0..100 {
            standings.add(&window(90.0, 50.0), "lru", 300.0);
        }
        assert_eq!((standings.behind("lru"), standings.behind("arc")), (300.0, 0.0));
        assert_eq!(standings.leader(&[], |_| true), Some(("arc", 0.0)));
        assert_eq!(standings.leader(&[], |policy| policy != "arc"), Some(("lru", 300.0)));
        // Eight windows that go the other way make up for the hundred.
        for _ in 0..8 {
            standings.add(&window(50.0, 90.0), "lru", 300.0);
        }
        assert_eq!((standings.behind("lru"), standings.behind("arc")), (0.0, 20.0));
    }

    #[test]
    fn of_equals_the_preferred_one_leads() {
        let mut standings = Standings::default();
        standings.add(&BTreeMap::from([("arc", 5.0), ("lfu", 5.0), ("lru", 5.0)]), "lru", 300.0);
        let leader = |preferred: [&str; 2]| {
            standings.leader(&preferred.map(str::to_owned), |_| true).map(|leader| leader.0.to_owned())
        };
        assert_eq!(leader(["lru", "arc"]).as_deref(), Some("lru"));
        assert_eq!(leader(["lfu", "lru"]).as_deref(), Some("lfu"));
    }

    #[test]
    fn a_policy_that_comes_later_starts_beside_the_present_one() {
        let mut standings = Standings::default();
        standings.add(&BTreeMap::from([("lru", 90.0), ("arc", 50.0)]), "lru", 300.0);
        standings.add(&BTreeMap::from([("lru", 10.0), ("arc", 10.0), ("lirs", 5.0)]), "lru", 300.0);
        assert_eq!(standings.behind("lirs"), 35.0);
        standings.add(&BTreeMap::from([("lru", 0.0), ("lirs", 0.0)]), "lru", 300.0);
        assert_eq!((standings.behind("arc"), standings.behind("lirs")), (0.0, 0.0), "left out");
        assert_eq!(standings.behind("lru"), 5.0);
    }
}
