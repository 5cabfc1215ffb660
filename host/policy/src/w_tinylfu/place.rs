//! Four bytes beside an entry's links: which part of the policy it is in, and how often it was used.

/// A place from 0 to 3, where 0 stands for no entry, and a count of uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed(u32);

/// The largest count of uses; it stays there.
const MOST_USES: u32 = (1 << 30) - 1;

impl Placed {
    /// No entry.
    pub(crate) const VACANT: Self = Self(0);

    /// `place` is from 0 to 3.
    #[inline]
    pub(crate) const fn new(place: u32, uses: u32) -> Self {
        Self(place << 30 | if uses > MOST_USES { MOST_USES } else { uses })
    }

    #[inline]
    pub(crate) const fn place(self) -> u32 {
        self.0 >> 30
    }

    #[inline]
    pub(crate) const fn uses(self) -> u32 {
        self.0 & MOST_USES
    }

    /// The same with one use more.
    #[inline]
    #[must_use]
    pub(crate) const fn used(self) -> Self {
        Self::new(self.place(), self.uses() + 1)
    }

    /// The same elsewhere.
    #[inline]
    #[must_use]
    pub(crate) const fn at(self, place: u32) -> Self {
        Self::new(place, self.uses())
    }
}

#[cfg(test)]
mod tests {
    use super::Placed;

    #[test]
    fn uses_saturate_and_leave_the_place_alone() {
        let placed = Placed::new(3, u32::MAX);
        assert_eq!((placed.used(), placed.place(), placed.uses()), (placed, 3, (1 << 30) - 1));
        let placed = Placed::new(2, 6).used();
        assert_eq!((placed.place(), placed.uses()), (2, 7));
        assert_eq!((placed.at(1).place(), placed.at(1).uses()), (1, 7));
        assert_eq!(Placed::VACANT.place(), 0);
    }
}
