//! What an entry notes beside its key and value, in the word that a packed entry has for it: when it was used last, and how a value
//! of bytes that lies in it came to be.

use crate::value::Form;

/// Bits of the time, in seconds: it comes round in 194 days.
const TIME: u32 = 24;
const TIME_MASK: u32 = (1 << TIME) - 1;

/// The time, and above it the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note(pub(super) u32);

impl Note {
    /// Of a value that was never used.
    pub(super) fn of(form: Form) -> Self {
        Self(u32::from(form.to_bits()) << TIME)
    }

    pub(super) const fn form(self) -> Form {
        Form::from_bits(self.0.to_be_bytes()[0])
    }

    /// The same, used at this time.
    #[inline]
    pub(super) const fn used_at(self, seconds: u32) -> Self {
        Self(self.0 & !TIME_MASK | seconds & TIME_MASK)
    }

    /// Seconds since it was used, up to 2^24.
    pub(super) fn idle(self, seconds: u32) -> u64 {
        u64::from(seconds.wrapping_sub(self.0) & TIME_MASK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_word_do_not_touch_each_other() {
        for form in [Form::Given, Form::Summed, Form::Edited] {
            let mut note = Note::of(form);
            for seconds in [0, 5, (1 << TIME) - 1, u32::MAX] {
                note = note.used_at(seconds);
                assert_eq!((note.form(), note.idle(seconds)), (form, 0));
            }
        }
    }

    #[test]
    fn the_time_comes_round() {
        let note = Note::of(Form::Given).used_at((1 << TIME) - 2);
        assert_eq!(note.idle((1 << TIME) + 3), 5);
    }
}
