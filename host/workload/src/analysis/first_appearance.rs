//! Whether keys were numbered in the order of their first requests.
//!
//! Who publishes a trace often replaces keys by numbers as they come: 0, 1, 2. The next new key is then always the next
//! number, which no recorded system knew. A trace that begins by reading everything in order looks the same, so that this
//! is a suspicion and not a proof.

/// Follows the keys of a trace that were not asked for before.
#[derive(Clone, Copy, Debug, Default)]
pub struct FirstAppearance {
    last: Option<u64>,
    new: u64,
    following: u64,
}

/// Fewer new keys say nothing.
const FEWEST: u64 = 100;

impl FirstAppearance {
    /// Notes a key that was not asked for before; `None` for one that is no number.
    pub fn note(&mut self, number: Option<u64>) {
        self.new += 1;
        let next = self.last.and_then(|last| last.checked_add(1));
        self.following += u64::from(next.is_some() && next == number);
        self.last = number;
    }

    /// Whether at least 100 keys were noted and 99 % of them are the number after the one noted before.
    #[must_use]
    pub const fn is_likely(&self) -> bool {
        self.new >= FEWEST && self.following.saturating_mul(100) >= self.new.saturating_mul(99)
    }
}

#[cfg(test)]
mod tests {
    use super::FirstAppearance;

    fn likely(numbers: impl IntoIterator<Item = u64>) -> bool {
        let mut found = FirstAppearance::default();
        numbers.into_iter().for_each(|number| found.note(Some(number)));
        found.is_likely()
    }

    #[test]
    fn numbers_that_count_up_are_suspicious() {
        assert!(likely(0..1000));
        assert!(likely(77..1077));
        assert!(!likely((0..1000).map(|number| number * 8)));
        assert!(!likely((0..1000).filter(|number| number % 50 != 0)));
        assert!(!likely(0..99));
        assert!(!FirstAppearance::default().is_likely());
    }

    #[test]
    fn texts_are_not() {
        let mut found = FirstAppearance::default();
        (0..1000).for_each(|_| found.note(None));
        assert!(!found.is_likely());
    }
}
