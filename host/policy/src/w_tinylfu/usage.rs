//! Four bytes beside an entry's links: the segment it is in, and how often it was used.

/// A segment from 0 to 3, where 0 stands for no entry, and a count of uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage(u32);

/// The largest count of uses; it stays there.
const MOST_USES: u32 = (1 << 30) - 1;

impl Usage {
    /// No entry.
    pub(crate) const VACANT: Self = Self(0);

    /// `segment` is from 0 to 3.
    #[inline]
    pub(crate) const fn new(segment: u32, uses: u32) -> Self {
        Self(segment << 30 | if uses > MOST_USES { MOST_USES } else { uses })
    }

    #[inline]
    pub(crate) const fn segment(self) -> u32 {
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
        Self::new(self.segment(), self.uses() + 1)
    }

    /// The same in another segment.
    #[inline]
    #[must_use]
    pub(crate) const fn in_segment(self, segment: u32) -> Self {
        Self::new(segment, self.uses())
    }
}

#[cfg(test)]
mod tests {
    use super::Usage;

    #[test]
    fn uses_saturate_and_leave_the_segment_alone() {
        let usage = Usage::new(3, u32::MAX);
        assert_eq!((usage.used(), usage.segment(), usage.uses()), (usage, 3, (1 << 30) - 1));
        let usage = Usage::new(2, 6).used();
        assert_eq!((usage.segment(), usage.uses()), (2, 7));
        assert_eq!((usage.in_segment(1).segment(), usage.in_segment(1).uses()), (1, 7));
        assert_eq!(Usage::VACANT.segment(), 0);
    }
}
