//! A hash table without tombstones, whose memory can be prefetched before its lock is held.
//!
//! Items lie in groups of [`WIDTH`], each headed by a word of *tags*, one byte an item. The tags say which item to
//! look at, and lie beside the items: everything a lookup needs is a few neighbouring lines, whose place follows
//! from the hash alone. So [`TableAddress`] can begin to fetch them while the lookup still waits for its lock; where tags
//! and items lie apart, as in most tables, the item's line is known only once the tags are there, and a cache
//! larger than the processor's waits for both, one after the other.
//!
//! An item that finds its home group full goes to the next group that is not, and every full group on the way counts
//! it; a lookup goes on for as long as that count is not zero. Removal takes the counts back. (The counts follow Bronson
//! and Shi, "Open-sourcing F14", 2019.) A cache removes as much as it inserts, for ever at one size: where removal leaves
//! tombstones, as in most open addressing, a table has to be rebuilt again and again, and where it leaves a gap, items
//! that found their home full pile up. So removal fills the gap with the next item that passed by, and a group that was
//! passed by is full.
//!
//! Groups need not be a power of two in number, so a small table grows by half, a large one by a quarter and a very large one by an
//! eighth, and no further than its owner will ever need: at least 64 % of the places of a large one are in use once it has grown,
//! 71 % of a very large one's, and at most 80 %.
//! Items are moved in their order, so that growth reads and writes memory from one end to the other.
//!
//! The caller hashes: an item's `hash` is 32 bits, all of which have to depend on the key.
#![expect(
    clippy::indexing_slicing,
    reason = "groups are taken modulo their number, and have WIDTH items each"
)]

use crate::index::at;
use crate::prefetch::{prefetch, prefetch_line};
use crate::sync::{AtomicPtr, AtomicUsize, Ordering};

/// Items in a group: as many as leave a byte of the tags' word for the count of those that passed by.
pub(super) const WIDTH: usize = 7;

/// Items in ten groups before the table grows: 80 % of the places. With more, a lookup of what is not there looks at more
/// groups; with fewer, an entry takes more memory.
const FULL_OF_TEN: usize = 56;

/// Fewest groups of a table that holds anything.
const LEAST_GROUPS: usize = 4;

/// Groups from which on a table grows by a quarter and not by half: an item is then moved four times on average instead of
/// twice, and the places that are empty are half as many.
const LARGE: usize = 1 << 10;

/// The same for an eighth: an item is moved eight times, and a table of thirty thousand items and more takes less.
const VERY_LARGE: usize = 1 << 12;

/// Bytes that the processor loads at a time, and how many of such lines of a group are asked for ahead: those of
/// small items, and of larger ones enough not to wait for most.
const LINE: usize = 64;
const MOST_LINES: usize = 4;

/// The tags of a group, 0 where there is no item, and in the last byte how many items passed it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tags(u64);

/// Where the count of items that passed by begins.
const PASSED: u32 = 56;

impl Tags {
    /// The top bit of the byte of each place with this tag, and perhaps of one behind such a place: whoever looks
    /// there compares the item.
    #[inline]
    const fn matching(self, tag: u8) -> u64 {
        const LOW: u64 = 0x0001_0101_0101_0101;
        const TOP: u64 = 0x0080_8080_8080_8080;
        let differ = self.0 ^ (widen(tag) * LOW);
        differ.wrapping_sub(LOW) & !differ & TOP
    }

    /// The place without an item that comes first; some number from [`WIDTH`] where there is none.
    #[inline]
    fn free(self) -> usize {
        place_of(self.matching(0))
    }

    #[inline]
    const fn passed(self) -> u64 {
        self.0 >> PASSED
    }

    const fn set(&mut self, place: usize, tag: u8) {
        let shift = 8 * place;
        self.0 = (self.0 & !(0xFF << shift)) | (widen(tag) << shift);
    }

    /// Counts an item that passed by. A count that reached its end stays there, and costs lookups of what is not
    /// there a look at the next group.
    const fn pass(&mut self) {
        if self.passed() < 0xFF {
            self.0 += 1 << PASSED;
        }
    }

    const fn unpass(&mut self) {
        if self.passed() < 0xFF {
            self.0 -= 1 << PASSED;
        }
    }
}

/// The place of the lowest of such bits; past the last place where there is none.
#[inline]
fn place_of(matching: u64) -> usize {
    at(matching.trailing_zeros() / 8)
}

#[expect(clippy::as_conversions, reason = "lossless; `From` is not const")]
const fn widen(tag: u8) -> u64 {
    tag as u64
}

// Not aligned to a line: with items of 24 bytes that would fill up one byte in twelve of a group, and the lines of a group are
// asked for together.
#[derive(Debug)]
#[repr(C)]
struct Group<T> {
    tags: Tags,
    items: [Option<T>; WIDTH],
}

/// Where a table lies, for threads that do not hold its lock and prefetch what they are about to read. Nothing is
/// read there: an address that is out of date costs time, and does no harm.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct TableAddress<T> {
    groups: AtomicPtr<Group<T>>,
    count: AtomicUsize,
}

impl<T> TableAddress<T> {
    pub(super) const fn unknown() -> Self {
        Self { groups: AtomicPtr::new(std::ptr::null_mut()), count: AtomicUsize::new(0) }
    }

    /// Begins to fetch what [`Table::find`] will look at first.
    #[inline]
    pub(super) fn fetch(&self, hash: u32) {
        let group = home(hash, self.count.load(Ordering::Relaxed));
        let group: *const u8 = self.groups.load(Ordering::Relaxed).wrapping_add(group).cast();
        let bytes = size_of::<Group<T>>().min(MOST_LINES * LINE);
        for byte in (0..bytes).step_by(LINE) {
            prefetch_line(group.wrapping_add(byte));
        }
        // A group need not begin with a line, and then ends on one more.
        prefetch_line(group.wrapping_add(bytes - 1));
    }
}

#[derive(Debug)]
pub(super) struct Table<T> {
    groups: Vec<Group<T>>,
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

/// The least hash whose home is this group; `None` where there is no such group.
fn first_of(group: usize, groups: usize) -> Option<u32> {
    let first = (u64::try_from(group).ok()? << 32).div_ceil(u64::try_from(groups).ok()?.max(1));
    u32::try_from(first).ok().filter(|_| group < groups)
}

#[inline]
const fn after(group: usize, groups: usize) -> usize {
    if group + 1 == groups { 0 } else { group + 1 }
}

/// Room in the numbering of places for a group's items.
const STEP: usize = 8;

impl<T> Table<T> {
    pub(super) const fn new() -> Self {
        Self { groups: Vec::new(), len: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Tells where the table lies, if that has changed. Called with the table's lock held.
    #[inline]
    pub(super) fn publish(&self, address: &TableAddress<T>) {
        // It moves only when it grows or shrinks.
        if address.count.load(Ordering::Relaxed) != self.groups.len() {
            address.groups.store(self.groups.as_ptr().cast_mut(), Ordering::Relaxed);
            address.count.store(self.groups.len(), Ordering::Relaxed);
        }
    }

    /// The place of the item with this hash that `is_it`, and the item.
    #[inline]
    pub(super) fn find(&self, hash: u32, is_it: impl Fn(&T) -> bool) -> Option<(usize, &T)> {
        let groups = self.groups.len();
        let tag = tag_of(hash);
        let mut number = home(hash, groups);
        for _ in 0..groups {
            let group = &self.groups[number];
            let mut matching = group.tags.matching(tag);
            while matching != 0 {
                let within = place_of(matching);
                if let Some(Some(item)) = group.items.get(within)
                    && is_it(item)
                {
                    return Some((number * STEP + within, item));
                }
                matching &= matching - 1;
            }
            if group.tags.passed() == 0 {
                return None;
            }
            number = after(number, groups);
        }
        None
    }

    #[inline]
    pub(super) fn get(&self, place: usize) -> Option<&T> {
        self.groups.get(place / STEP)?.items.get(place % STEP)?.as_ref()
    }

    #[inline]
    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        self.groups.get_mut(place / STEP)?.items.get_mut(place % STEP)?.as_mut()
    }

    /// Begins to fetch what [`remove`](Self::remove) will need of this place.
    #[inline]
    pub(super) fn fetch(&self, place: usize) {
        if let Some(group) = self.groups.get(place / STEP)
            && let Some(item) = group.items.get(place % STEP)
        {
            prefetch(item);
            prefetch(&group.tags);
        }
    }

    /// Changes each item, but not its hash.
    pub(super) fn for_each_mut(&mut self, change: impl FnMut(&mut T)) {
        self.groups.iter_mut().flat_map(|group| group.items.iter_mut().flatten()).for_each(change);
    }

    /// Shows each item and its place.
    pub(super) fn for_each_place(&self, mut show: impl FnMut(&T, usize)) {
        for (number, group) in self.groups.iter().enumerate() {
            for (within, item) in group.items.iter().enumerate() {
                if let Some(item) = item {
                    show(item, number * STEP + within);
                }
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.groups.iter().flat_map(|group| group.items.iter().flatten())
    }

    /// Shows the items from a hash on whose home group is the one of that hash, and gives the first hash of the next group;
    /// `None` where there is none. A larger hash has no smaller home: whoever goes on like this comes by every item once,
    /// also where the table grows in between.
    pub(super) fn visit_home(
        &self,
        from: u32,
        hash_of: impl Fn(&T) -> u32,
        mut visit: impl FnMut(&T),
    ) -> Option<u32> {
        let groups = self.groups.len();
        let first = home(from, groups);
        let mut number = first;
        for _ in 0..groups {
            let group = &self.groups[number];
            for item in group.items.iter().flatten() {
                let hash = hash_of(item);
                if hash >= from && home(hash, groups) == first {
                    visit(item);
                }
            }
            // The others of this home are among those that passed by.
            if group.tags.passed() == 0 {
                break;
            }
            number = after(number, groups);
        }
        first_of(first + 1, groups)
    }

    /// Whether the next insert has to be preceded by [`grow`](Self::grow).
    #[inline]
    pub(super) const fn is_full(&self) -> bool {
        self.len * 10 >= self.groups.len() * FULL_OF_TEN
    }

    /// Makes the table larger by half, a quarter or an eighth, but not for more than `most` items if these are more than there are,
    /// and tells of every item where it is now.
    #[cold]
    pub(super) fn grow(&mut self, most: u64, hash_of: impl Fn(&T) -> u32, moved: impl FnMut(&T, usize)) {
        let count = self.groups.len();
        let enough = usize::try_from(most).unwrap_or(usize::MAX).saturating_mul(10).div_ceil(FULL_OF_TEN);
        let more = match count {
            ..LARGE => count / 2,
            LARGE..VERY_LARGE => count / 4,
            VERY_LARGE.. => count / 8,
        };
        self.rebuild((count + more).min(enough.max(count + 1)).max(LEAST_GROUPS), hash_of, moved);
    }

    /// Makes the table as small as its items allow, with room for a few more, and tells of every item where it is now.
    #[cold]
    pub(super) fn shrink(&mut self, hash_of: impl Fn(&T) -> u32, moved: impl FnMut(&T, usize)) {
        let least = (self.len * 10).div_ceil(FULL_OF_TEN);
        let count = (least + least / 8).max(LEAST_GROUPS);
        if count < self.groups.len() {
            self.rebuild(count, hash_of, moved);
        }
    }

    /// Puts all items into so many groups, which have room for them.
    fn rebuild(&mut self, count: usize, hash_of: impl Fn(&T) -> u32, mut moved: impl FnMut(&T, usize)) {
        let mut other = Self { groups: Vec::with_capacity(count), len: 0 };
        other.groups.resize_with(count, || Group { tags: Tags(0), items: [const { None }; WIDTH] });
        for item in std::mem::take(&mut self.groups).into_iter().flat_map(|group| group.items).flatten() {
            let place = other.insert(hash_of(&item), item);
            if let Some(item) = other.get(place) {
                moved(item, place);
            }
        }
        *self = other;
    }

    /// Puts in an item that is not there, and says where. There is room.
    #[inline]
    pub(super) fn insert(&mut self, hash: u32, item: T) -> usize {
        let groups = self.groups.len();
        let mut number = home(hash, groups);
        loop {
            let group = &mut self.groups[number];
            let within = group.tags.free();
            if let Some(place) = group.items.get_mut(within) {
                *place = Some(item);
                group.tags.set(within, tag_of(hash));
                self.len += 1;
                return number * STEP + within;
            }
            group.tags.pass();
            number = after(number, groups);
        }
    }

    /// Takes the item with this hash out of its place, and tells of every other item that is somewhere else now.
    #[inline]
    pub(super) fn remove(
        &mut self,
        place: usize,
        hash: u32,
        hash_of: impl Fn(&T) -> u32,
        moved: impl FnMut(&T, usize),
    ) -> Option<T> {
        let (number, within) = (place / STEP, place % STEP);
        let group = self.groups.get_mut(number)?;
        let item = group.items.get_mut(within)?.take()?;
        group.tags.set(within, 0);
        let refill = group.tags.passed() > 0;
        self.unpass(home(hash, self.groups.len()), number);
        self.len -= 1;
        if refill {
            self.refill(number, within, hash_of, moved);
        }
        Some(item)
    }

    /// An item that found all groups from `first` up to `end` full is no more behind them.
    #[inline]
    fn unpass(&mut self, first: usize, end: usize) {
        let groups = self.groups.len();
        let mut passed = first;
        while passed != end {
            self.groups[passed].tags.unpass();
            passed = after(passed, groups);
        }
    }

    /// Puts into a place without an item the next one that passed its group by, and so on with that one's place.
    fn refill(
        &mut self,
        mut number: usize,
        mut within: usize,
        hash_of: impl Fn(&T) -> u32,
        mut moved: impl FnMut(&T, usize),
    ) {
        while let Some((from, place)) = self.passer_by(number, &hash_of) {
            let Some(item) = self.groups[from].items[place].take() else { return };
            self.groups[from].tags.set(place, 0);
            self.unpass(number, from);
            moved(&item, number * STEP + within);
            let group = &mut self.groups[number];
            group.tags.set(within, tag_of(hash_of(&item)));
            group.items[within] = Some(item);
            (number, within) = (from, place);
        }
    }

    /// Group and place of the nearest item that passed a group by.
    #[inline]
    fn passer_by(&self, number: usize, hash_of: impl Fn(&T) -> u32) -> Option<(usize, usize)> {
        let groups = self.groups.len();
        let mut from = number;
        for distance in 1..groups {
            // Those that passed by the one passed by the others up to their own.
            if self.groups[from].tags.passed() == 0 {
                return None;
            }
            from = after(from, groups);
            let came_as_far = |item: &T| {
                let home = home(hash_of(item), groups);
                (if from < home { from + groups } else { from }) - home >= distance
            };
            let place =
                self.groups[from].items.iter().position(|item| item.as_ref().is_some_and(came_as_far));
            if let Some(place) = place {
                return Some((from, place));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests;
