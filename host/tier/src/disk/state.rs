//! What is known in memory of the regions and the records in them.
//!
//! One lock guards it, which is held for no reading or writing of files. Who writes holds the writer's lock (`writer.rs`) before it and
//! throughout, so that between two looks at this state nobody else has changed what is written.
//!
//! Each key has one newest record. What is older is dead; how many dead records a key has on disk is counted in the index,
//! because when its newest one goes (removed, or evicted with its region), a tombstone has to stand for it until the last of the dead is gone: else
//! the next start would find them. Where a region has no entry that the index points to, nothing is lost with it.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bytes::length;
use super::config::GROUPS;
use super::index::{Index, Place, Slot};
use super::region::{Entry, Footer, HEAD, TAIL};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Free,
    Open,
    Sealed,
}

/// What is known of a region.
#[derive(Debug, Clone, Copy)]
pub(super) struct Region {
    pub(super) phase: Phase,
    pub(super) generation: u64,
    pub(super) group: usize,
    /// When its last record is over, in nanoseconds since the UNIX epoch.
    pub(super) until: u64,
    /// Records that the index points to.
    pub(super) live: u32,
    /// Entries of the index here for which a tombstone has to be written when it goes.
    pub(super) carried: u32,
}

impl Region {
    pub(super) const FREE: Self =
        Self { phase: Phase::Free, generation: 0, group: 0, until: 0, live: 0, carried: 0 };
}

/// A region that is being written.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) region: u16,
    pub(super) generation: u64,
    /// Where in the region what is in memory belongs.
    pub(super) written: u32,
    /// What is not written yet. A lookup reads it here.
    pub(super) pending: Arc<Vec<u8>>,
    pub(super) entries: Vec<Entry>,
    pub(super) until: u64,
}

impl Open {
    pub(super) fn new(region: u16, generation: u64) -> Self {
        let pending = Arc::new(Vec::new());
        Self {
            region,
            generation,
            written: super::bytes::small(HEAD),
            pending,
            entries: Vec::new(),
            until: 0,
        }
    }

    /// Where the next record begins.
    pub(super) fn end(&self) -> u32 {
        self.written + super::bytes::small(self.pending.len())
    }

    /// Whether one more record of so many bytes fits, with the end mark, the footer and the tail.
    pub(super) fn has_room(&self, bytes: usize, region_size: u32) -> bool {
        let footer = Footer::length(self.entries.len() + 1) + HEAD;
        let taken = length(self.end()).saturating_add(bytes).saturating_add(super::record::HEADER);
        taken.saturating_add(footer.max(TAIL)) <= length(region_size)
    }
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) index: Index,
    pub(super) regions: Vec<Region>,
    /// Regions that can be opened.
    pub(super) free: VecDeque<u16>,
    pub(super) open: [Option<Open>; GROUPS],
    /// Of the next record.
    pub(super) sequence: u64,
    /// Records that the index points to.
    pub(super) live: u64,
}

impl State {
    pub(super) fn new(regions: usize, sequence: u64) -> Self {
        Self {
            index: Index::new(),
            regions: vec![Region::FREE; regions],
            free: VecDeque::new(),
            open: [const { None }; GROUPS],
            sequence,
            live: 0,
        }
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        let sequence = self.sequence;
        self.sequence = self.sequence.saturating_add(1);
        sequence
    }

    pub(super) fn region(&self, region: u16) -> Option<&Region> {
        self.regions.get(usize::from(region))
    }

    fn region_mut(&mut self, region: u16) -> Option<&mut Region> {
        self.regions.get_mut(usize::from(region))
    }

    /// The bytes of a record that is in memory still, with its generation.
    pub(super) fn in_memory(&self, place: Place) -> Option<(&[u8], u64)> {
        let open = self.open.iter().flatten().find(|open| open.region == place.region)?;
        let at = place.offset.checked_sub(open.written)?;
        Some((open.pending.get(length(at)..)?, open.generation))
    }

    /// Points a hash to a newer record or tombstone, which is in its place. What it pointed to becomes dead.
    pub(super) fn supersede(&mut self, hash: u64, place: Place, tombstone: bool) {
        let old = self.index.get(hash);
        let dead = old.map_or(0, |old| old.dead + u32::from(!old.tombstone));
        self.replace(hash, old, Some(Slot { place, tombstone, hit: false, dead }));
    }

    /// Points a hash to the copy of what it points to, which is in its place; the original is about to go with its region.
    pub(super) fn move_to(&mut self, hash: u64, place: Place, tombstone: bool) {
        if let Some(old) = self.index.get(hash) {
            self.replace(hash, Some(old), Some(Slot { place, tombstone, hit: false, dead: old.dead }));
        }
    }

    /// A dead record of the hash is gone for good.
    pub(super) fn bury(&mut self, hash: u64) {
        let Some(old) = self.index.get(hash) else { return };
        if old.dead == 0 || old.dead == super::index::MANY {
            return;
        }
        let new = Slot { dead: old.dead - 1, ..old };
        self.replace(hash, Some(old), Some(new).filter(|new| !new.tombstone || new.dead > 0));
    }

    /// Forgets a hash whose record is about to go with its region.
    pub(super) fn forget(&mut self, hash: u64) {
        let old = self.index.get(hash);
        self.replace(hash, old, None);
    }

    /// Makes a hash a miss where no tombstone could be written. Until the process ends, that is.
    pub(super) fn hide(&mut self, hash: u64) {
        if let Some(old) = self.index.get(hash) {
            self.replace(hash, Some(old), Some(Slot { tombstone: true, dead: super::index::MANY, ..old }));
        }
    }

    /// Notes that a hash was asked for.
    pub(super) fn note_hit(&mut self, hash: u64, slot: Slot) {
        if !slot.hit {
            self.index.set(hash, Slot { hit: true, ..slot });
        }
    }

    /// Changes a slot of the index, and what is counted of it.
    fn replace(&mut self, hash: u64, old: Option<Slot>, new: Option<Slot>) {
        if let Some(old) = old {
            self.count(old, u32::wrapping_sub, u64::wrapping_sub);
        }
        match new {
            Some(new) => {
                self.count(new, u32::wrapping_add, u64::wrapping_add);
                self.index.set(hash, new);
            }
            None => {
                self.index.remove(hash);
            }
        }
    }

    fn count(&mut self, slot: Slot, step: fn(u32, u32) -> u32, step_all: fn(u64, u64) -> u64) {
        let live = !slot.tombstone;
        if live {
            self.live = step_all(self.live, 1);
        }
        if let Some(region) = self.region_mut(slot.place.region) {
            region.live = step(region.live, u32::from(live));
            region.carried = step(region.carried, u32::from(slot.is_carried()));
        }
    }
}
