//! Finds runs: keys in a row at an equal distance, also where several runs and other traffic interleave.
//!
//! For one stride the table remembers which key each of the last accesses would be followed by. A key that
//! was expected continues its run and moves to the front; any other begins one. So a run survives as long
//! as fewer than [`HEADS`] other accesses come between two of its keys, and the cost of an access is one
//! look through a few cache lines.

/// Run heads remembered for a stride.
const HEADS: usize = 64;

/// The run heads of one stride.
#[derive(Debug)]
pub(crate) struct Runs {
    heads: Vec<Head>,
    oldest: usize,
}

#[derive(Debug, Clone, Copy)]
struct Head {
    expected: u64,
    /// Keys in a row so far; 0 where the place is free.
    length: u32,
}

impl Runs {
    pub(crate) fn new() -> Self {
        Self { heads: Vec::new(), oldest: 0 }
    }

    /// Notes an access, and answers how many keys in a row it makes. `next` is the key that would continue
    /// the run, if the number range has one. A key asked for twice does not break its run.
    pub(crate) fn access(&mut self, key: u64, next: Option<u64>) -> u32 {
        let (mut before, mut known) = (0, 0);
        for head in self.heads.iter_mut().filter(|head| head.length > 0) {
            if head.expected == key {
                before = before.max(std::mem::take(&mut head.length));
            } else if Some(head.expected) == next {
                known = known.max(head.length);
            }
        }
        if before == 0 && known > 0 {
            return known;
        }
        if known > 0 {
            // Left by an earlier visit to this key, as in a loop. The run that arrives now goes on instead.
            self.heads.iter_mut().filter(|head| Some(head.expected) == next).for_each(|head| head.length = 0);
        }
        let length = before.saturating_add(1);
        if let Some(expected) = next {
            self.remember(Head { expected, length });
        }
        length
    }

    fn remember(&mut self, head: Head) {
        if self.heads.len() < HEADS {
            self.heads.push(head);
        } else if let Some(place) = self.heads.get_mut(self.oldest) {
            *place = head;
            self.oldest = (self.oldest + 1) % HEADS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(runs: &mut Runs, keys: &[u64]) -> Vec<u32> {
        keys.iter().map(|&key| runs.access(key, key.checked_add(1))).collect()
    }

    #[test]
    fn interleaved_runs_are_told_apart() {
        let mut runs = Runs::new();
        assert_eq!(lengths(&mut runs, &[10, 500, 11, 501, 12, 7, 502]), [1, 1, 2, 2, 3, 1, 3]);
    }

    #[test]
    fn a_repetition_does_not_break_a_run() {
        assert_eq!(lengths(&mut Runs::new(), &[1, 2, 2, 2, 3, 4]), [1, 2, 2, 2, 3, 4]);
    }

    #[test]
    fn an_earlier_visit_to_a_key_does_not_break_the_run_that_reaches_it() {
        assert_eq!(lengths(&mut Runs::new(), &[3, 1, 2, 3, 4]), [1, 1, 2, 3, 4]);
        let mut runs = Runs::new();
        assert_eq!(lengths(&mut runs, &[1, 2, 3, 1, 2, 3, 4]), [1, 2, 3, 1, 2, 3, 4]);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let mut runs = Runs::new();
        lengths(&mut runs, &[1, 2]);
        for other in 0..200 {
            runs.access(1_000_000 + 10 * other, Some(1_000_001 + 10 * other));
        }
        assert_eq!(runs.heads.len(), HEADS);
        assert_eq!(lengths(&mut runs, &[3]), [1], "the run was forgotten");
        assert_eq!(lengths(&mut runs, &[u64::MAX - 1, u64::MAX]), [1, 2]);
    }
}
