//! How much of a capacity is no room for entries, from what was measured. Pure.

/// The room changes in steps of one part in so many of the capacity.
const STEPS: u64 = 256;

/// A part in so many of the capacity that is free counts as much room.
const FREE: u64 = 16;

/// So much beyond the capacity is tolerated: one part in so many, and a megabyte, about what ticks and clients take and give back.
const TOLERATED: u64 = 50;
const TOLERATED_BYTES: u64 = 1_000_000;

/// The least room that entries have: one part in so many of the capacity.
const LEAST: u64 = 8;

/// A part in so many of what is beyond all that is tolerated is reserved from look to look. Once so much of the capacity was taken
/// from entries for it, one part in so many, and not a quarter of that came free, no more is taken.
const BEYOND: u64 = 4;
const PUSHED: u64 = 4;

/// Where nothing rises, a part in so many of a step is given back from look to look, within the capacity and beyond it: what entries
/// leave behind are holes, and new ones fill them. Within it, so many steps at most are given that do not seem to be there.
const GIVEN: u64 = 2;
const GIVEN_BEYOND: u64 = 8;
const PROBED: u64 = 2;

/// A part in so many of a step of the most that there was is forgotten from look to look.
const FORGOTTEN: u64 = 8;

/// Before a cache has been full for [`SETTLING`] looks, so much is expected to come to be beside its entries: one part in so many of
/// the capacity, and no more than some bytes, about what ticks, shadows and clients come to.
const EXPECTED: u64 = 8;
const EXPECTED_BYTES: u64 = 800_000;

/// Looks at a full cache until what is beside its entries has shown itself.
const SETTLING: u32 = 16;

/// What was measured, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reading {
    /// What the process holds.
    pub(super) resident: u64,
    /// What the entries weigh.
    pub(super) weight: u64,
    /// What both should stay within.
    pub(super) capacity: u64,
}

/// Decides how much of the capacity is no room for entries.
///
/// While all together stays within the capacity, the reserve is what entries do not account for: they may grow by what is left.
/// It follows that at once when it grows, and by an eighth of the difference from look to look when it falls: what comes in
/// bursts comes again.
///
/// At the capacity that would be wrong. An entry that is evicted leaves a hole in a page with others, so that what the process
/// holds stays as it is, and what entries do not account for grows by every entry that is evicted for it. New entries fill such
/// holes. So entries get room back bit by bit for as long as nothing rises, and a little more than the capacity is tolerated: what
/// it rises by there is reserved once. More than that makes the reserve grow from look to look, for as long as pages come free.
///
/// What will be beside the entries comes when the cache is full already, and to take room from entries then is dear, for the same
/// reason. So some is reserved from the start.
#[derive(Debug)]
pub(super) struct Governor {
    /// What the process held before there were entries.
    base: u64,
    /// There were none yet.
    pub(super) empty: bool,
    pub(super) reserved: u64,
    /// The most that entries and what is beside them came to lately.
    most: u64,
    /// Looks at a full cache, up to [`SETTLING`].
    full: u32,
    /// What all together came to, and the entries of it, when it was first beyond what is tolerated.
    pushed: Option<(u64, u64)>,
}

impl Governor {
    pub(super) const fn new(base: u64) -> Self {
        Self { base, empty: true, reserved: 0, most: 0, full: 0, pushed: None }
    }

    /// What the process holds beside its base and what the entries weigh.
    const fn excess(&self, reading: Reading) -> u64 {
        reading.resident.saturating_sub(self.base).saturating_sub(reading.weight)
    }

    /// Whether entries and what is beside them are more than the capacity.
    pub(super) const fn is_over(&self, reading: Reading) -> bool {
        reading.resident.saturating_sub(self.base) > reading.capacity
    }

    /// Whether there is little room, and memory that entries do not account for.
    pub(super) const fn is_pressed(&self, reading: Reading) -> bool {
        let Reading { weight, capacity, .. } = reading;
        let excess = self.excess(reading);
        excess > capacity / STEPS && weight.saturating_add(excess) > capacity - capacity / FREE
    }

    /// What is taken to be beside the entries at least.
    fn expected(&mut self, reading: Reading) -> u64 {
        let Reading { weight, capacity, .. } = reading;
        if self.empty || self.full >= SETTLING {
            return 0;
        }
        if weight.saturating_add(self.reserved) > capacity - capacity / FREE {
            self.full += 1;
        }
        (capacity / EXPECTED).min(EXPECTED_BYTES)
    }

    /// Whether a good part of the entries went since all together is `beyond` what is tolerated, and next to nothing came free.
    fn is_in_vain(&mut self, whole: u64, reading: Reading, beyond: u64) -> bool {
        if beyond == 0 {
            self.pushed = None;
            return false;
        }
        let (most, weight) = *self.pushed.get_or_insert((whole, reading.weight));
        let (gone, freed) = (weight.saturating_sub(reading.weight), most.saturating_sub(whole));
        gone > reading.capacity / PUSHED && freed < gone / 4
    }

    /// The reserve that is to be, where it is another one.
    pub(super) fn look(&mut self, reading: Reading) -> Option<u64> {
        self.empty &= reading.weight == 0;
        if self.empty {
            self.base = reading.resident;
        }
        let step = (reading.capacity / STEPS).max(1);
        let most = reading.capacity - reading.capacity / LEAST;
        let excess = self.excess(reading).max(self.expected(reading)).min(most);
        let whole = reading.resident.saturating_sub(self.base);
        let risen = whole.saturating_sub(self.most.max(reading.capacity));
        let tolerated = reading.capacity / TOLERATED + TOLERATED_BYTES;
        let beyond = whole.saturating_sub(reading.capacity).saturating_sub(tolerated);
        let beyond = if self.is_in_vain(whole, reading, beyond) { 0 } else { beyond };
        // What comes and goes is no rise each time that it comes.
        self.most = self.most.saturating_sub(step / FORGOTTEN).max(whole);
        let gives = step / GIVEN;
        let reserved = if beyond + risen > 0 {
            self.reserved + risen + beyond / BEYOND
        } else if whole > reading.capacity {
            self.reserved.saturating_sub(step / GIVEN_BEYOND)
        } else if excess > self.reserved + PROBED * step {
            excess.next_multiple_of(step)
        } else if self.reserved > excess + PROBED * step {
            self.reserved - ((self.reserved - excess) / 8).max(gives)
        } else {
            // Only when they grow it shows that what they left behind are holes.
            self.reserved.saturating_sub(gives).max(excess.saturating_sub(PROBED * step))
        }
        .min(most);
        let other = reserved != self.reserved;
        self.reserved = reserved;
        other.then_some(reserved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    /// Of a cache that has been full for long.
    fn settled(base: u64) -> Governor {
        Governor { full: SETTLING, ..Governor::new(base) }
    }

    fn reading(resident: u64, weight: u64) -> Reading {
        Reading { resident: resident * MB, weight: weight * MB, capacity: 200 * MB }
    }

    #[test]
    fn what_entries_account_for_is_not_reserved() {
        let mut governor = settled(20 * MB);
        for (resident, weight) in [(17, 0), (20, 0), (120, 100), (220, 200)] {
            let reading = reading(resident, weight);
            assert_eq!((governor.look(reading), governor.is_pressed(reading)), (None, false));
        }
        // Less than the base, or than the entries: they are weighed by what they take at most.
        assert_eq!(governor.look(reading(5, 0)), None);
        assert_eq!(governor.base, 20 * MB, "what it is without entries later is something else");
        assert_eq!(governor.look(reading(100, 150)), None);
    }

    #[test]
    fn the_reserve_follows_the_excess_at_once_and_falls_slowly() {
        let mut governor = settled(20 * MB);
        let step = 200 * MB / STEPS;
        let reserved = governor.look(reading(200, 130)).unwrap();
        assert!((50 * MB..50 * MB + step).contains(&reserved), "{reserved}");
        // Entries left, and the memory with them: a little is given that may not be there, and no more.
        for _ in 0..10 {
            governor.look(reading(170, 100));
            assert!(governor.reserved >= 50 * MB - PROBED * step, "{}", governor.reserved);
        }
        let mut before = governor.look(reading(220, 140)).unwrap();
        assert!((60 * MB..60 * MB + step).contains(&before), "{before}");
        let mut looks = 0;
        while let Some(now) = governor.look(reading(180, 150)) {
            assert!(now < before && before - now <= before / 8 + step, "{now} after {before}");
            (before, looks) = (now, looks + 1);
        }
        assert!((10 * MB - 3 * step..10 * MB).contains(&before) && looks > 10, "{before} after {looks}");
    }

    #[test]
    fn what_will_come_beside_the_entries_has_room_from_the_start() {
        let of = |resident, weight| Reading { capacity: 32 * MB, ..reading(resident, weight) };
        let mut governor = Governor::new(20 * MB);
        assert_eq!(governor.look(of(20, 0)), None);
        let reserved = governor.look(of(40, 20)).unwrap();
        assert!((EXPECTED_BYTES..2 * EXPECTED_BYTES).contains(&reserved), "{reserved}");
        for _ in 0..SETTLING {
            governor.look(of(51, 31));
            assert!(governor.reserved >= EXPECTED_BYTES / 2, "{}", governor.reserved);
        }
        // Nothing came.
        for _ in 0..100 {
            governor.look(of(51, 31));
        }
        assert_eq!(governor.reserved, 0);
        // Of a small cache an eighth.
        let mut small = Governor::new(0);
        assert_eq!(small.look(Reading { resident: 0, weight: 0, capacity: 4 * MB }), None);
        let reserved = small.look(Reading { resident: MB, weight: MB, capacity: 4 * MB }).unwrap();
        assert!((MB / 2..MB).contains(&reserved), "{reserved}");
    }

    #[test]
    fn entries_always_have_some_room() {
        let mut governor = settled(0);
        while governor.look(reading(900, 10)).is_some() {}
        assert_eq!(governor.reserved, 175 * MB);
        assert_eq!(governor.look(reading(990, 10)), None);
        // A smaller capacity has a smaller reserve.
        let smaller = Reading { capacity: 80 * MB, ..reading(990, 10) };
        assert_eq!(governor.look(smaller), Some(70 * MB));
        assert_eq!(governor.look(Reading { capacity: 0, ..smaller }), Some(0));
    }

    #[test]
    fn memory_is_short_where_the_room_is_and_not_by_entries_alone() {
        let governor = settled(20 * MB);
        assert!(!governor.is_pressed(reading(220, 200)), "full, as it should be");
        assert!(!governor.is_pressed(reading(120, 50)), "half of it is free");
        assert!(governor.is_pressed(reading(220, 190)));
        assert!(governor.is_pressed(reading(500, 100)));
        assert!(!governor.is_over(reading(220, 190)) && governor.is_over(reading(221, 190)));
    }

    #[test]
    fn memory_that_evictions_do_not_free_costs_no_more_entries() {
        let mut governor = settled(0);
        let first = governor.look(reading(200, 180)).unwrap();
        for _ in 0..100 {
            // What it rose by once, and no more: entries get room back instead.
            let weight = (200 * MB - governor.reserved) / MB;
            governor.look(reading(201, weight));
            assert!(governor.reserved <= first + MB, "{}", governor.reserved);
        }
        assert!(governor.reserved < first, "{}", governor.reserved);
        let weight = (200 * MB - governor.reserved) / MB;
        // It goes on where it is much more than the capacity.
        let first = governor.look(reading(230, weight)).unwrap();
        assert!(governor.look(reading(230, weight)).unwrap() > first);
    }

    #[test]
    fn entries_are_not_given_up_in_vain() {
        let mut governor = settled(0);
        let first = governor.look(reading(200, 180)).unwrap();
        for _ in 0..1_000 {
            let weight = (200 * MB - governor.reserved) / MB;
            governor.look(reading(220, weight));
            // What it rose by, and a quarter of the capacity.
            assert!(governor.reserved < first + 74 * MB, "{}", governor.reserved);
        }
        // Where pages come free, it goes on.
        let mut governor = settled(0);
        governor.look(reading(200, 180));
        let mut whole = 280;
        for _ in 0..1_000 {
            let weight = (200 * MB - governor.reserved) / MB;
            whole = whole.min(100 + weight);
            governor.look(reading(whole, weight));
        }
        assert!((150..=206).contains(&whole), "{whole}");
    }

    #[test]
    fn what_comes_and_goes_is_reserved_once() {
        let mut governor = settled(0);
        let first = governor.look(reading(200, 180)).unwrap();
        for look in 0..200 {
            let weight = (200 * MB - governor.reserved) / MB;
            // Entries leave holes, so that all together stays, but for what a tick takes and gives back.
            governor.look(reading(if look % 2 == 0 { 202 } else { 199 }, weight));
            assert!(governor.reserved <= first + 3 * MB, "{}", governor.reserved);
        }
        assert!(governor.reserved < first, "holes are filled: {}", governor.reserved);
    }

    /// Entries of which the allocator keeps a third beside what they weigh: the sum of both settles at the capacity.
    #[test]
    fn the_whole_settles_at_the_capacity() {
        let mut governor = settled(20 * MB);
        let (mut room, capacity) = (200 * MB, 200 * MB);
        let mut whole = 0;
        for _ in 0..200 {
            let weight = room;
            let resident = 20 * MB + weight + weight / 3;
            if let Some(reserved) = governor.look(Reading { resident, weight, capacity }) {
                room = capacity - reserved;
            }
            whole = room + room / 3;
        }
        assert!((190 * MB..=capacity + capacity / TOLERATED + 2 * MB).contains(&whole), "{whole}");
    }
}
