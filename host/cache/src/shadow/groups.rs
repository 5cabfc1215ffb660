//! Groups of keys, such as those that begin alike: what shadows say of each by itself.
//!
//! Shadows know no keys. Whoever offers a request to a [`SampleTap`](super::SampleTap) says which groups its key belongs to, and
//! is asked for that where the request is followed: of the others, that is of almost all, it costs nothing. A shadow counts the
//! misses of each group; there are no shadows for a group alone, since all keys share one cache.
//!
//! The requests of a group that were not followed are counted by nobody. So its misses are divided by those that were, and not, as
//! those of all keys are, by the number to be expected: of few hot keys in a small sample the share is less exact.

use std::ops::BitOr;

/// Which groups a request belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Groups(u16);

impl Groups {
    /// Groups that there may be: their numbers are below.
    pub const MOST: u32 = u16::BITS;

    /// No group.
    pub const NONE: Self = Self(0);

    /// The group of this number; none where it is [`MOST`](Self::MOST) or more.
    #[must_use]
    pub const fn one(number: u32) -> Self {
        match 1_u16.checked_shl(number) {
            Some(bits) => Self(bits),
            None => Self::NONE,
        }
    }

    /// As so many bits.
    pub(super) const fn bits(self) -> u16 {
        self.0
    }

    pub(super) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
}

impl BitOr for Groups {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A counter for each group.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts([u64; 16]);

impl Counts {
    /// One more for each of these.
    #[inline]
    pub(super) fn add(&mut self, groups: Groups) {
        // One comparison where nobody wants to know of any.
        let mut bits = groups.0;
        while bits != 0 {
            if let Some(count) = usize::try_from(bits.trailing_zeros()).ok().and_then(|at| self.0.get_mut(at))
            {
                *count += 1;
            }
            bits &= bits - 1;
        }
    }

    pub(super) fn get(&self, number: u32) -> u64 {
        usize::try_from(number).ok().and_then(|at| self.0.get(at)).copied().unwrap_or(0)
    }

    pub(super) fn set(&mut self, number: u32, count: u64) {
        if let Some(of) = usize::try_from(number).ok().and_then(|at| self.0.get_mut(at)) {
            *of = count;
        }
    }
}

/// What one shadow has seen of a group.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct GroupEstimate {
    /// The policy it runs.
    pub policy: host_policy::PolicyFactory,
    /// The capacity it stands for, as a multiple of the present one.
    pub factor: f64,
    /// That capacity, in the unit of the weights, at full scale. All keys share it, not only those of the group.
    pub capacity: u64,
    /// The share of ids that is followed now, over 0 to 1.
    pub sampling_rate: f64,
    /// Followed requests of the group, since it is counted and the shadow is followed.
    pub requests: u64,
    /// Those of them that missed.
    pub misses: u64,
}
