//! Access bits: what the queue policies and LIRS keep of an entry beside its links: how often it was used, and four flags.
//!
//! A hit in a FIFO, SIEVE or S3-FIFO moves nothing; it only changes the entry's access bits. So these lie in an
//! array of their own, two bytes each: a cache line holds those of 32 entries, and the links, which only
//! inserts and victims need, stay out of the way.
//!
//! Uses saturate at 4,095. The policies do not order by them; a successor that does (LFU) starts from them.

use crate::Slot;
use crate::fetch::fetch_at;
use crate::list::at;

/// The access bits of one entry: its uses times 16, plus four flags whose meaning is the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccessBits(u16);

/// One use.
const USE: u16 = 1 << 4;

/// The most uses that are counted.
const MOST_USES: u16 = u16::MAX / USE;

impl AccessBits {
    /// No entry.
    pub(crate) const VACANT: Self = Self(0);

    /// An entry used so often (0 counts as 1), with `flags` from 0 to 15.
    #[inline]
    pub(crate) fn new(uses: u32, flags: u16) -> Self {
        let uses = u16::try_from(uses).unwrap_or(MOST_USES).clamp(1, MOST_USES);
        Self(uses * USE + flags)
    }

    #[inline]
    pub(crate) const fn is_vacant(self) -> bool {
        self.0 == 0
    }

    /// The policy's own flags.
    #[inline]
    pub(crate) const fn flags(self) -> u16 {
        self.0 % USE
    }

    /// The same uses with other flags, from 0 to 15.
    #[inline]
    pub(crate) const fn with_flags(self, flags: u16) -> Self {
        Self(self.0 - self.0 % USE + flags)
    }

    /// The same with one use more.
    #[inline]
    pub(crate) fn used(self) -> Self {
        // Without a branch: 16 or nothing.
        Self(self.0 + USE * u16::from(self.0 < MOST_USES * USE))
    }

    pub(crate) fn uses(self) -> u32 {
        u32::from(self.0 / USE)
    }
}

/// The table grows by one in so many: what lies idle is small, what is copied for each entry still constant.
const GROWTH: usize = 16;

/// The access bits of all entries, by slot.
#[derive(Debug, Clone)]
pub(crate) struct AccessTable(Vec<AccessBits>);

impl AccessTable {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The bits of the slot, [`AccessBits::VACANT`] for one never seen.
    #[inline]
    pub(crate) fn get(&self, slot: Slot) -> AccessBits {
        self.0.get(at(slot.0)).copied().unwrap_or(AccessBits::VACANT)
    }

    /// Prefetches the bits of the slot.
    #[inline]
    pub(crate) fn fetch(&self, slot: Slot) {
        fetch_at(&self.0, at(slot.0));
    }

    /// The bits of the slot to change, if there is an entry.
    #[inline]
    pub(crate) fn held(&mut self, slot: Slot) -> Option<&mut AccessBits> {
        self.0.get_mut(at(slot.0)).filter(|bits| !bits.is_vacant())
    }

    #[inline]
    pub(crate) fn set(&mut self, slot: Slot, bits: AccessBits) {
        if at(slot.0) >= self.0.len() {
            if at(slot.0) >= self.0.capacity() {
                self.0.reserve_exact(at(slot.0) + 1 - self.0.len() + self.0.len() / GROWTH);
            }
            self.0.resize(at(slot.0) + 1, AccessBits::VACANT);
        }
        if let Some(place) = self.0.get_mut(at(slot.0)) {
            *place = bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AccessBits, AccessTable};
    use crate::Slot;

    #[test]
    fn uses_saturate_and_leave_the_flags_alone() {
        let mut bits = AccessBits::new(0, 15);
        assert_eq!((bits.uses(), bits.flags()), (1, 15));
        for _ in 0..5_000 {
            bits = bits.used();
        }
        assert_eq!((bits.uses(), bits.flags()), (4_095, 15));
        assert_eq!(bits.with_flags(3), AccessBits::new(u32::MAX, 3));
        assert!(!bits.is_vacant() && AccessBits::VACANT.is_vacant());
    }

    #[test]
    fn a_slot_never_seen_is_vacant() {
        let mut access = AccessTable::new();
        assert_eq!((access.get(Slot(7)), access.held(Slot(7))), (AccessBits::VACANT, None));
        access.set(Slot(7), AccessBits::new(2, 0));
        assert_eq!((access.get(Slot(7)).uses(), access.held(Slot(6))), (2, None));
    }
}
