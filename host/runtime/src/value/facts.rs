//! What is known of a value beside its content, in one word: what it counts for, how it came to be, when it was last used.
//!
//! A word of memory for each entry is all that this may take. Only the time of the last use changes, and two readers that
//! write it at once write nearly the same, so that a relaxed store is enough.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a value of bytes came to be, where a client can ask for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// It is as somebody gave it.
    #[default]
    Given,
    /// It is a sum of decimal numbers.
    Summed,
    /// A part of an earlier value was overwritten, or something was appended to it.
    Edited,
}

/// Bits of the time, in seconds: it comes round in 194 days.
const TIME: u32 = 24;
/// Bits of the form.
const FORM: u32 = 2;
const WEIGHT: u32 = TIME + FORM;

const TIME_MASK: u64 = (1 << TIME) - 1;
/// The largest weight: 2^38 - 1, which is 256 GiB.
pub(super) const MOST_WEIGHT: u64 = u64::MAX >> WEIGHT;

#[derive(Debug)]
pub(super) struct Facts(AtomicU64);

impl Facts {
    /// Of a value of this weight, which is at least 1 and at most [`MOST_WEIGHT`].
    pub(super) const fn of(weight: u64) -> Self {
        let weight = match weight {
            0 => 1,
            MOST_WEIGHT.. => MOST_WEIGHT,
            weight => weight,
        };
        Self(AtomicU64::new(weight << WEIGHT))
    }

    /// The same, of a value that came to be so.
    pub(super) fn with_form(mut self, form: Form) -> Self {
        let bits = match form {
            Form::Given => 0,
            Form::Summed => 1,
            Form::Edited => 2,
        };
        let facts = self.0.get_mut();
        *facts = (*facts & !(0b11 << TIME)) | (bits << TIME);
        self
    }

    #[inline]
    pub(super) fn weight(&self) -> u64 {
        self.0.load(Ordering::Relaxed) >> WEIGHT
    }

    pub(super) fn form(&self) -> Form {
        match self.0.load(Ordering::Relaxed) >> TIME & 0b11 {
            1 => Form::Summed,
            2 => Form::Edited,
            _ => Form::Given,
        }
    }

    /// It is used at this time. Nothing is written where that is known: readers of other cores keep their copy of the line.
    #[inline]
    pub(super) fn used_at(&self, seconds: u32) {
        let (facts, time) = (self.0.load(Ordering::Relaxed), u64::from(seconds) & TIME_MASK);
        if facts & TIME_MASK != time {
            self.0.store(facts & !TIME_MASK | time, Ordering::Relaxed);
        }
    }

    /// Seconds since it was used, up to 2^24.
    pub(super) fn idle(&self, seconds: u32) -> u64 {
        u64::from(seconds).wrapping_sub(self.0.load(Ordering::Relaxed)) & TIME_MASK
    }
}

impl Clone for Facts {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_word_do_not_touch_each_other() {
        for weight in [1, 7, MOST_WEIGHT] {
            for form in [Form::Given, Form::Summed, Form::Edited] {
                let facts = Facts::of(weight).with_form(form);
                for seconds in [0, 5, (1 << TIME) - 1, u32::MAX] {
                    facts.used_at(seconds);
                    assert_eq!((facts.weight(), facts.form(), facts.idle(seconds)), (weight, form, 0));
                }
            }
        }
        assert_eq!((Facts::of(0).weight(), Facts::of(u64::MAX).weight()), (1, MOST_WEIGHT));
        assert_eq!(Facts::of(9).with_form(Form::Edited).with_form(Form::Summed).form(), Form::Summed);
    }

    #[test]
    fn the_time_comes_round() {
        let facts = Facts::of(1);
        facts.used_at((1 << TIME) - 2);
        assert_eq!(facts.idle((1 << TIME) + 3), 5);
    }
}
