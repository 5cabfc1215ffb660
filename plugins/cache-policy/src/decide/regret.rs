//! What staying with the policy in force has cost against each other policy, in misses.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, Default)]
struct Regret {
    misses: f64,
    /// Its lead did not come true when it was followed; it does not count before it has ended.
    doubted: bool,
}

/// A sum for each challenger that never falls below zero (CUSUM).
#[derive(Debug, Default)]
pub(super) struct Regrets(BTreeMap<String, Regret>);

impl Regrets {
    /// Adds the `lead` of a policy in one window: misses it would have saved, negative where it is behind. A
    /// doubted lead adds up to `most` and no further, so that it ends within sight.
    pub(super) fn add(&mut self, policy: &str, lead: f64, most: f64) {
        if !self.0.contains_key(policy) {
            self.0.insert(policy.to_owned(), Regret::default());
        }
        let Some(regret) = self.0.get_mut(policy) else { return };
        regret.misses += lead;
        if regret.misses <= 0.0 {
            *regret = Regret::default();
        } else if regret.doubted {
            regret.misses = regret.misses.min(most);
        }
    }

    /// The policy with the largest sum, of those `on_offer` and not in doubt; the first by name of equals.
    pub(super) fn largest(&self, on_offer: impl Fn(&str) -> bool) -> Option<(&str, f64)> {
        let mut largest: Option<(&str, f64)> = None;
        for (policy, regret) in self.0.iter().filter(|(policy, regret)| !regret.doubted && on_offer(policy)) {
            if largest.is_none_or(|(_, misses)| regret.misses > misses) {
                largest = Some((policy, regret.misses));
            }
        }
        largest
    }

    /// `policy` is in force from now on: what it would have saved is no one's lead any more.
    pub(super) fn rebase(&mut self, policy: &str) {
        let saved = self.0.remove(policy).unwrap_or_default().misses;
        for regret in self.0.values_mut() {
            regret.misses = (regret.misses - saved).max(0.0);
        }
    }

    /// The lead of `policy`, of `misses` so far, did not come true.
    pub(super) fn doubt(&mut self, policy: &str, misses: f64) {
        self.0.insert(policy.to_owned(), Regret { misses, doubted: true });
    }
}
