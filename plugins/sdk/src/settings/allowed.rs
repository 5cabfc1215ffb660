//! What a setting allows: a range of numbers, a list of texts, anything.

use std::ops::{RangeFrom, RangeInclusive};

/// What a setting of type `T` allows.
pub trait Allowed<T> {
    /// Whether the value is allowed.
    fn contains(&self, value: &T) -> bool;

    /// The least number allowed; none where there is no lower limit.
    fn minimum(&self) -> Option<f64> {
        None
    }

    /// The largest number allowed; none where there is no upper limit.
    fn maximum(&self) -> Option<f64> {
        None
    }

    /// The texts allowed; none: any.
    fn choices(&self) -> Vec<String> {
        Vec::new()
    }

    /// What follows the name of the type in an error: ` from 1 to 10`.
    fn in_words(&self) -> String;
}

/// Allows every value of the type.
#[derive(Debug, Clone, Copy)]
pub struct Anything;

impl<T> Allowed<T> for Anything {
    fn contains(&self, _: &T) -> bool {
        true
    }

    fn in_words(&self) -> String {
        String::new()
    }
}

macro_rules! ranges {
    ($($type:ty as $to_f64:expr),*) => {$(
        impl Allowed<$type> for RangeInclusive<$type> {
            fn contains(&self, value: &$type) -> bool {
                RangeInclusive::contains(self, value)
            }

            fn minimum(&self) -> Option<f64> {
                Some($to_f64(*self.start()))
            }

            fn maximum(&self) -> Option<f64> {
                Some($to_f64(*self.end()))
            }

            fn in_words(&self) -> String {
                format!(" from {} to {}", self.start(), self.end())
            }
        }

        impl Allowed<$type> for RangeFrom<$type> {
            fn contains(&self, value: &$type) -> bool {
                RangeFrom::contains(self, value)
            }

            fn minimum(&self) -> Option<f64> {
                Some($to_f64(self.start))
            }

            fn in_words(&self) -> String {
                format!(" from {}", self.start)
            }
        }
    )*};
}
ranges!(f64 as std::convert::identity, u32 as f64::from, u64 as crate::count, i64 as signed);

/// Exact up to 2^53 on either side of 0.
#[expect(clippy::as_conversions, reason = "there is no `f64::from(i64)`")]
fn signed(number: i64) -> f64 {
    number as f64
}

impl<const N: usize> Allowed<String> for [&str; N] {
    fn contains(&self, value: &String) -> bool {
        self.as_slice().contains(&value.as_str())
    }

    fn choices(&self) -> Vec<String> {
        self.iter().map(|choice| (*choice).to_owned()).collect()
    }

    fn in_words(&self) -> String {
        format!(": {}", self.join(", "))
    }
}
