//! What an entry of the three queues carries beside its links and access bits.

use std::fmt::Debug;

use crate::ghosts::Carry;

/// What an entry carries beside its links and access bits.
pub trait Newcomer: Copy + Debug + Send + Carry<Self::Ghost> + 'static {
    /// What its ghost carries.
    type Ghost: Copy + Debug + Send;
    /// Whether a hit in S reads it.
    const READ_ON_HIT: bool;

    /// An entry that is in S from now on, when so much had entered S, itself included.
    fn entered(inflow: u64) -> Self;
    /// Whether a hit counts: at least `skipped` entered S after the entry.
    fn counts(self, inflow: u64, skipped: u64) -> bool;
    /// The ghost of an entry that was a ghost before, or was not.
    fn ghost(returned: bool) -> Self::Ghost;
    /// Whether the ghost's entry was one before.
    fn returned(ghost: Self::Ghost) -> bool;
}

/// Every hit counts, and every ghost is alike.
impl Newcomer for () {
    type Ghost = ();
    const READ_ON_HIT: bool = false;

    #[inline]
    fn entered(_: u64) {}
    #[inline]
    fn counts(self, _: u64, _: u64) -> bool {
        true
    }
    #[inline]
    fn ghost(_: bool) {}
    #[inline]
    fn returned((): ()) -> bool {
        false
    }
}

/// What had entered S when the entry did; of a ghost in its slot, 1 if it was one before.
#[derive(Debug, Clone, Copy)]
pub struct Aged(u64);

impl Carry<bool> for Aged {
    #[inline]
    fn payload(&self) -> bool {
        self.0 != 0
    }
    #[inline]
    fn set_payload(&mut self, payload: bool) {
        self.0 = u64::from(payload);
    }
}

impl Newcomer for Aged {
    type Ghost = bool;
    const READ_ON_HIT: bool = true;

    #[inline]
    fn entered(inflow: u64) -> Self {
        Self(inflow)
    }
    #[inline]
    fn counts(self, inflow: u64, skipped: u64) -> bool {
        inflow.wrapping_sub(self.0) >= skipped
    }
    #[inline]
    fn ghost(returned: bool) -> bool {
        returned
    }
    #[inline]
    fn returned(ghost: bool) -> bool {
        ghost
    }
}
