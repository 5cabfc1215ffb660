//! In what S3-FIFO, S4-FIFO and Clock2Q+ differ.

use std::fmt::Debug;

use super::Newcomer;
use crate::parameters::Decimal;

/// One of the policies: its parameters, as a type.
pub trait Variant: Copy + Debug + Default + Send + 'static {
    /// What an entry carries.
    type Entry: Newcomer;

    /// What these parameters mean.
    fn rules(self) -> Rules;
}

/// In what the policies differ, as numbers.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// S's share of the capacity; at least 1 in the unit of the weights.
    pub(crate) small: Decimal,
    /// What G may remember, in capacities.
    pub(crate) ghosts: Decimal,
    /// The newest part of S, in which hits do not count, and how it is rounded.
    pub(crate) skipped: Decimal,
    pub(crate) rounding: Rounding,
    /// Hits in S from which an entry moves to M: 1 to 3.
    pub(crate) to_main: u16,
    /// The most hits that are counted: 1 to 3.
    pub(crate) most_hits: u16,
    /// How often a ghost has to return to S before a return enters M: 0 or 1.
    pub(crate) returns: u16,
}

/// How the newest part of S is rounded to the unit of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rounding {
    /// To the next smaller one.
    Down,
    /// To the next larger one.
    Up,
}

impl Rules {
    pub(super) fn small_target(&self, capacity: u64) -> u64 {
        self.small.of(capacity).max(1)
    }

    pub(super) fn skipped_weight(&self, small_target: u64) -> u64 {
        match self.rounding {
            Rounding::Down => self.skipped.of(small_target),
            Rounding::Up => small_target - self.skipped.rest().of(small_target),
        }
    }
}
