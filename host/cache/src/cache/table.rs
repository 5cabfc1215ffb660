//! A hash table whose items stay where they are until it grows, without marks of what was deleted.
//!
//! Items lie in groups of [`WIDTH`]; the *tags* of a group, one byte an item, lie apart from them in one 16-byte
//! word, so that a lookup reads one small line and then, as a rule, one item. An item that finds its home group
//! full goes to the next group that is not, and every full group on the way counts it; a lookup goes on for as
//! long as that count is not zero. Removal takes the counts back. A cache removes as much as it inserts:
//! where removal leaves marks behind, as in most open addressing, a table at a steady size has to be rebuilt again
//! and again. (The layout follows Bronson and Shi, "Open-sourcing F14", 2019.)
//!
//! Groups need not be a power of two in number, so the table grows by half and not to the double: at least
//! 57 % of the places are in use once it has grown, and at most 86 %.
//!
//! The caller hashes: an item's `hash` is 32 bits, all of which have to depend on the key.
#![expect(
    clippy::indexing_slicing,
    reason = "groups are taken modulo their number, and have WIDTH items each"
)]

use host_policy::list::at;

/// Places in a group. Two of 16 bytes count the items that passed by.
pub(super) const WIDTH: usize = 14;

/// Of those, how many are in use on average before the table grows.
const FULL: usize = 12;

/// Fewest groups of a table that holds anything.
const LEAST_GROUPS: usize = 2;

/// Bits of a match that stand for places.
const PLACES: u32 = (1 << WIDTH) - 1;

/// The tags of a group, 0 where there is no item, and in the last two bytes how many items passed it by.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
struct Tags([u64; 2]);

/// Where the count of items that passed by begins, in the second half of a group's tags.
const PASSED: u32 = 48;

impl Tags {
    const EMPTY: Self = Self([0; 2]);

    /// A bit for each place with this tag.
    #[inline]
    fn matching(self, tag: u8) -> u32 {
        equal_bytes(self.0, tag) & PLACES
    }

    #[inline]
    const fn passed(self) -> u64 {
        self.0[1] >> PASSED
    }

    const fn set(&mut self, place: usize, tag: u8) {
        let shift = 8 * (place % 8);
        let half = &mut self.0[place / 8];
        *half = *half & !(0xFF << shift) | widen(tag) << shift;
    }

    /// Counts an item that passed by. A count that reached its end stays there, and costs lookups of what is not
    /// there a look at the next group.
    const fn pass(&mut self) {
        if self.passed() < 0xFFFF {
            self.0[1] += 1 << PASSED;
        }
    }

    const fn unpass(&mut self) {
        if self.passed() < 0xFFFF {
            self.0[1] -= 1 << PASSED;
        }
    }
}

#[expect(clippy::as_conversions, reason = "lossless; `From` is not const")]
const fn widen(tag: u8) -> u64 {
    tag as u64
}

/// A bit for each of 16 bytes that is `byte`, lowest first.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2"))]
#[inline]
#[expect(
    unsafe_code,
    reason = "intrinsics count as unsafe where their feature is not spelled out for the function"
)]
fn equal_bytes(bytes: [u64; 2], byte: u8) -> u32 {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    // SAFETY: the whole program is compiled for machines with SSE2; this function is left out otherwise.
    unsafe {
        let bytes = _mm_set_epi64x(bytes[1].cast_signed(), bytes[0].cast_signed());
        _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed()))).cast_unsigned()
    }
}

#[cfg(not(all(target_arch = "x86_64", target_feature = "sse2")))]
#[inline]
fn equal_bytes(bytes: [u64; 2], byte: u8) -> u32 {
    equal_bytes_portably(bytes, byte)
}

/// [`equal_bytes`] in ordinary arithmetic.
#[cfg(any(test, not(all(target_arch = "x86_64", target_feature = "sse2"))))]
fn equal_bytes_portably(bytes: [u64; 2], byte: u8) -> u32 {
    const LOW: u64 = 0x7F7F_7F7F_7F7F_7F7F;
    let half = |half: u64| {
        let differ = half ^ (widen(byte) * 0x0101_0101_0101_0101);
        // The top bit of each byte that is 0, and no other.
        let zero = !(((differ & LOW) + LOW) | differ | LOW);
        // Those eight bits side by side.
        (zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
    };
    u32::try_from(half(bytes[0]) | half(bytes[1]) << 8).unwrap_or(0)
}

/// Begins to load what lies at the reference, without waiting for it.
#[cfg(target_arch = "x86_64")]
#[inline]
#[expect(unsafe_code, reason = "intrinsics are unsafe to call; a plain load would have to be waited for")]
pub(super) fn fetch<T>(target: &T) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing and does not fault, whatever the address; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(target).cast()) }
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) const fn fetch<T>(_: &T) {}

#[derive(Debug)]
pub(super) struct Table<T> {
    tags: Vec<Tags>,
    /// [`WIDTH`] for each of `tags`.
    items: Vec<Option<T>>,
    len: usize,
}

/// What of a hash is compared within a group: its lowest byte, which does not decide the group. Never 0.
#[inline]
fn tag_of(hash: u32) -> u8 {
    hash.to_le_bytes()[0].max(1)
}

/// The group that an item with this hash goes to if there is room.
#[inline]
fn home(hash: u32, groups: usize) -> usize {
    // A product of two numbers of 32 bits; the upper half is less than `groups`.
    let spread = u64::from(hash) * u64::try_from(groups).unwrap_or(0);
    usize::try_from(spread >> 32).unwrap_or(0)
}

#[inline]
const fn after(group: usize, groups: usize) -> usize {
    if group + 1 == groups { 0 } else { group + 1 }
}

impl<T> Table<T> {
    pub(super) const fn new() -> Self {
        Self { tags: Vec::new(), items: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// The place of the item with this hash that `is_it`, and the item.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(&T) -> bool) -> Option<(usize, &T)> {
        let groups = self.tags.len();
        let tag = tag_of(hash);
        let mut group = home(hash, groups);
        for _ in 0..groups {
            let tags = self.tags[group];
            let mut matching = tags.matching(tag);
            while matching != 0 {
                let place = group * WIDTH + at(matching.trailing_zeros());
                if let Some(Some(item)) = self.items.get(place)
                    && is_it(item)
                {
                    return Some((place, item));
                }
                matching &= matching - 1;
            }
            if tags.passed() == 0 {
                return None;
            }
            group = after(group, groups);
        }
        None
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.items.get(place)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.items.get_mut(place)?.as_mut()
    }

    /// Begins to fetch what [`remove`](Self::remove) will need of this place.
    #[inline]
    pub(super) fn fetch(&self, place: usize) {
        if let (Some(item), Some(tags)) = (self.items.get(place), self.tags.get(place / WIDTH)) {
            fetch(item);
            fetch(tags);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().flatten()
    }

    /// Whether the next insert has to be preceded by [`grow`](Self::grow).
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.len >= self.tags.len() * FULL
    }

    /// Makes the table larger by half, and tells of every item where it is now.
    #[cold]
    pub(super) fn grow(&mut self, hash_of: impl Fn(&T) -> u32, mut moved: impl FnMut(&T, usize)) {
        let groups = (self.tags.len() + self.tags.len() / 2).max(LEAST_GROUPS);
        let mut larger =
            Self { tags: vec![Tags::EMPTY; groups], items: Vec::with_capacity(groups * WIDTH), len: 0 };
        larger.items.resize_with(groups * WIDTH, || None);
        for item in std::mem::take(&mut self.items).into_iter().flatten() {
            let place = larger.insert(hash_of(&item), item);
            if let Some(item) = larger.get(place) {
                moved(item, place);
            }
        }
        *self = larger;
    }

    /// Puts in an item that is not there, and says where. There is room.
    #[inline]
    pub(super) fn insert(&mut self, hash: u32, item: T) -> usize {
        let groups = self.tags.len();
        let mut group = home(hash, groups);
        loop {
            let tags = &mut self.tags[group];
            let free = tags.matching(0);
            if free != 0 {
                let within = at(free.trailing_zeros());
                tags.set(within, tag_of(hash));
                let place = group * WIDTH + within;
                self.items[place] = Some(item);
                self.len += 1;
                return place;
            }
            tags.pass();
            group = after(group, groups);
        }
    }

    /// Takes the item with this hash out of its place.
    #[inline]
    pub(super) fn remove(&mut self, place: usize, hash: u32) -> Option<T> {
        let item = self.items.get_mut(place)?.take()?;
        let groups = self.tags.len();
        let (group, within) = (place / WIDTH, place % WIDTH);
        self.tags[group].set(within, 0);
        let mut passed = home(hash, groups);
        while passed != group {
            self.tags[passed].unpass();
            passed = after(passed, groups);
        }
        self.len -= 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, equal_bytes, equal_bytes_portably};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Against a map. Few hashes and fewer groups, so that groups overflow.
        #[test]
        fn is_a_map(steps in prop::collection::vec((0u32..60, any::<bool>()), 0..600)) {
            let mut table = Table::new();
            let mut places = BTreeMap::new();
            for (key, insert) in steps {
                let hash_of = |key: u32| ((key % 3) << 30) | (key % 5);
                let found = table.find(hash_of(key), |&held| held == key).map(|(place, _)| place);
                prop_assert_eq!(found, places.get(&key).copied());
                if found.is_none() && insert {
                    if table.is_full() {
                        table.grow(|&key| hash_of(key), |&key, place| { places.insert(key, place); });
                    }
                    places.insert(key, table.insert(hash_of(key), key));
                } else if let Some(place) = found && !insert {
                    prop_assert_eq!(table.remove(place, hash_of(key)), Some(key));
                    places.remove(&key);
                }
                prop_assert_eq!(table.len(), places.len());
            }
            let mut left: Vec<u32> = table.iter().copied().collect();
            left.sort_unstable();
            prop_assert_eq!(left, places.keys().copied().collect::<Vec<_>>());
            for (&key, &place) in &places {
                prop_assert_eq!(table.remove(place, ((key % 3) << 30) | (key % 5)), Some(key));
            }
            prop_assert!(table.tags.iter().all(|tags| tags.0 == [0; 2]), "no trace is left of what was removed");
        }

        #[test]
        fn bytes_are_compared_one_by_one(bytes: [u64; 2], byte: u8, place in 0usize..16) {
            let mut bytes = bytes;
            let shift = 8 * (place % 8);
            bytes[place / 8] = bytes[place / 8] & !(0xFF << shift) | u64::from(byte) << shift;
            let all: Vec<u8> = bytes.iter().flat_map(|half| half.to_le_bytes()).collect();
            let want = all.iter().enumerate().map(|(place, &held)| u32::from(held == byte) << place).sum::<u32>();
            prop_assert_eq!(equal_bytes(bytes, byte), want);
            prop_assert_eq!(equal_bytes_portably(bytes, byte), want);
        }
    }
}
