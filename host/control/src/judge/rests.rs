//! How long a strategy must leave a dial alone after a change of its own was undone.
//!
//! So long that trying the same again, as costly as it was, takes no more than a set share of the time; twice as long with
//! each further loss. A win takes one loss back.

use std::collections::BTreeMap;

use host_contract::Dial;
use host_contract::number::to_u64;

/// The most by which losses multiply a rest.
const MOST_DOUBLINGS: i32 = 16;

#[derive(Debug, Clone, Copy, Default)]
struct Rest {
    until: u64,
    losses: i32,
}

/// The rests of all strategies, by registration and dial.
#[derive(Debug, Default)]
pub(crate) struct Rests(BTreeMap<(usize, Dial), Rest>);

impl Rests {
    /// The first tick in which the strategy is heard again on a dial, whose effect `lasts` or not, where it has to rest.
    pub(crate) fn until(&self, author: usize, dial: Dial, lasts: bool) -> Option<u64> {
        let own = self.0.iter().filter(|((of, on), _)| *of == author && (lasts || *on == dial));
        own.map(|(_, rest)| rest.until).max()
    }

    /// A change of this strategy was undone in `tick`. It cost as much as `ticks` without any work, of which a share
    /// `allowed` of the time may be lost. Returns the first tick in which it is heard again.
    pub(crate) fn lost(&mut self, author: usize, dial: Dial, tick: u64, ticks: f64, allowed: f64) -> u64 {
        let rest = self.0.entry((author, dial)).or_default();
        let doubled = 2.0_f64.powi(rest.losses.min(MOST_DOUBLINGS));
        let length = to_u64((ticks.max(0.0) / allowed.max(1e-3) * doubled).ceil()).max(1);
        rest.losses += 1;
        rest.until = tick.saturating_add(1).saturating_add(length);
        rest.until
    }

    /// A change of this strategy was kept because it is better.
    pub(crate) fn won(&mut self, author: usize, dial: Dial) {
        if let Some(rest) = self.0.get_mut(&(author, dial)) {
            rest.losses = (rest.losses - 1).max(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIAL: Dial = Dial::new("dial");

    #[test]
    fn a_rest_is_as_long_as_the_loss_is_large_and_doubles() {
        let mut rests = Rests::default();
        assert_eq!(rests.until(0, DIAL, false), None);
        assert_eq!(rests.lost(0, DIAL, 100, 1.5, 0.02), 101 + 75);
        assert_eq!(rests.lost(0, DIAL, 200, 1.5, 0.02), 201 + 150);
        assert_eq!(rests.until(0, DIAL, false), Some(351));
        assert_eq!(rests.until(1, DIAL, true), None);
        rests.won(0, DIAL);
        assert_eq!(rests.lost(0, DIAL, 400, 1.5, 0.02), 401 + 150);
    }

    #[test]
    fn who_lost_rests_on_every_dial_whose_effect_lasts() {
        let (mut rests, other) = (Rests::default(), Dial::new("other"));
        let until = rests.lost(0, DIAL, 100, 1.5, 0.02);
        assert_eq!((rests.until(0, other, true), rests.until(0, other, false)), (Some(until), None));
        assert_eq!(rests.until(1, other, true), None);
    }

    #[test]
    fn it_stays_finite_whatever_is_lost() {
        let mut rests = Rests::default();
        for _ in 0..100 {
            rests.lost(0, DIAL, u64::MAX - 1, 1e300, 0.0);
        }
        assert_eq!(rests.until(0, DIAL, false), Some(u64::MAX));
        assert_eq!(rests.lost(1, DIAL, 0, -1.0, 0.02), 2, "never less than a tick");
    }
}
