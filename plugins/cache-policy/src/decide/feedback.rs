//! What the cache itself says of the policy in force.
//!
//! A shadow can do better than the cache ever will under the same policy: it has held other entries all along, and the
//! policy may keep either set for good. So the misses of the cache are compared with those of the shadow of the policy in
//! force, once the cache has had the time to evict everything that it held before the change. Where it has missed more by
//! the cost of a change, the shadow's misses are scaled up by the ratio from then on. The correction fades, because the
//! requests change.

use std::collections::BTreeMap;

/// Turnovers in which a correction falls by half, once its policy is not in force.
const HALF_LIFE: f64 = 8.0;

/// Misses of the cache and of the shadow of its policy, and what follows for each policy that was in force.
#[derive(Debug, Default)]
pub(super) struct Feedback {
    in_force: String,
    /// Entries evicted since it is in force.
    evicted: f64,
    /// Misses since the first turnover; both halved with each further one.
    own: f64,
    shadow: f64,
    factors: BTreeMap<String, f64>,
}

/// The figures of a tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) in_force: &'a str,
    /// Entries that the cache holds.
    pub(super) entries: f64,
    /// Entries evicted in the window.
    pub(super) evicted: f64,
    /// Misses of the cache in the window.
    pub(super) own: f64,
    /// Misses of the shadow of the policy in force.
    pub(super) shadow: f64,
    /// What a change costs, in misses.
    pub(super) cost: f64,
}

impl Feedback {
    /// Adds a window.
    pub(super) fn add(&mut self, window: &Window<'_>) {
        let turned = window.evicted / window.entries.max(1.0);
        let fading = 0.5_f64.powf(turned / HALF_LIFE);
        self.factors.retain(|_, factor| {
            *factor = 1.0 + (*factor - 1.0) * fading;
            *factor > 1.01
        });
        if self.in_force != window.in_force {
            (self.evicted, self.own, self.shadow) = (0.0, 0.0, 0.0);
            window.in_force.clone_into(&mut self.in_force);
        }
        let settled = self.evicted >= window.entries;
        self.evicted += window.evicted;
        if settled {
            self.own += window.own;
            self.shadow += window.shadow;
            if self.own - self.shadow > window.cost {
                let factor = self.own / self.shadow.max(1.0);
                self.factors.insert(self.in_force.clone(), factor);
            }
            let kept = 0.5_f64.powf(turned);
            self.own *= kept;
            self.shadow *= kept;
        }
    }

    /// By what the misses of a policy's shadow are to be multiplied.
    pub(super) fn factor(&self, policy: &str) -> f64 {
        self.factors.get(policy).copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Feedback, Window};

    const WINDOW: Window<'_> =
        Window { in_force: "2q", entries: 100.0, evicted: 50.0, own: 60.0, shadow: 20.0, cost: 30.0 };

    #[test]
    fn a_shadow_is_corrected_after_a_turnover_and_by_no_more_than_was_seen() {
        let mut feedback = Feedback::default();
        for _ in 0..2 {
            feedback.add(&WINDOW);
            assert_eq!(feedback.factor("2q"), 1.0, "the cache still holds what it held before");
        }
        for _ in 0..10 {
            feedback.add(&WINDOW);
            assert!((2.9..3.1).contains(&feedback.factor("2q")), "{}", feedback.factor("2q"));
        }
        assert_eq!(feedback.factor("lru"), 1.0);
    }

    #[test]
    fn less_than_a_change_costs_is_no_correction() {
        let mut feedback = Feedback::default();
        for _ in 0..50 {
            feedback.add(&Window { own: 25.0, ..WINDOW });
        }
        assert_eq!(feedback.factor("2q"), 1.0);
    }

    #[test]
    fn a_correction_fades_while_another_policy_is_in_force() {
        let mut feedback = Feedback::default();
        (0..4).for_each(|_| feedback.add(&WINDOW));
        let other = Window { in_force: "lru", own: 20.0, ..WINDOW };
        // Eight turnovers of two windows each.
        (0..16).for_each(|_| feedback.add(&other));
        assert!((1.9..=2.1).contains(&feedback.factor("2q")), "{}", feedback.factor("2q"));
        (0..200).for_each(|_| feedback.add(&other));
        assert_eq!(feedback.factor("2q"), 1.0);
    }
}
