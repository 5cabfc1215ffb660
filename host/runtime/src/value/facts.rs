//! What is known of a value beside its content, in one word: what it counts for, and how it came to be.
//!
//! When it was used last is known of its [entry](crate::entry).

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

impl Form {
    /// Bits that it is written in.
    pub(crate) const BITS: u32 = 2;

    pub(crate) const fn to_bits(self) -> u8 {
        match self {
            Self::Given => 0,
            Self::Summed => 1,
            Self::Edited => 2,
        }
    }

    /// From the lowest bits of these.
    pub(crate) const fn from_bits(bits: u8) -> Self {
        match bits & 0b11 {
            1 => Self::Summed,
            2 => Self::Edited,
            _ => Self::Given,
        }
    }
}

/// The largest weight: 2^62 - 1.
pub(super) const MOST_WEIGHT: u64 = u64::MAX >> Form::BITS;

/// The weight above the bits of the form.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts(u64);

impl Facts {
    /// Of a value of this weight, which is at least 1 and at most [`MOST_WEIGHT`].
    pub(super) fn of(weight: u64) -> Self {
        Self(weight.clamp(1, MOST_WEIGHT) << Form::BITS)
    }

    /// The same, of a value that came to be so.
    pub(super) fn with_form(self, form: Form) -> Self {
        Self(self.weight() << Form::BITS | u64::from(form.to_bits()))
    }

    #[inline]
    pub(super) const fn weight(self) -> u64 {
        self.0 >> Form::BITS
    }

    pub(super) const fn form(self) -> Form {
        Form::from_bits(self.0.to_le_bytes()[0])
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
                assert_eq!((facts.weight(), facts.form()), (weight, form));
            }
        }
        assert_eq!((Facts::of(0).weight(), Facts::of(u64::MAX).weight()), (1, MOST_WEIGHT));
        assert_eq!(Facts::of(9).with_form(Form::Edited).with_form(Form::Summed).form(), Form::Summed);
    }
}
