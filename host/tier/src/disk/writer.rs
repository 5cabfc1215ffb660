//! Appending: one writer at a time, under its own lock, so that requests that read wait for no write.
//!
//! A record goes into memory first, behind those of its lifetime group, and is written with them. Where the key has an older
//! record that counts, it is written before anybody learns of it, and so is every tombstone: what a lookup has seen, or a put or removal
//! has returned from, no end of the process takes back to something older. Behind a tombstone nothing older can come back.

use std::collections::VecDeque;
use std::sync::Arc;

use super::bytes::{length, nanoseconds, small};
use super::config::{GROUPS, group};
use super::index::Place;
use super::record::{self, Record, TOMBSTONE, What};
use super::region::{Entry, Footer, HEAD, Head, TAIL};
use super::state::{Open, Phase, Region};
use super::{Core, DiskCounters};
use crate::item::size;
use crate::{Item, TierError};

/// What is kept in memory of a group at most before it is written.
const FLUSH: usize = 128 * 1024;

/// Free regions before the next one is opened. Where fewer are left, one is evicted first; what that carries over goes into them.
pub(super) const RESERVE: usize = 2;

/// Evictions in a row for one region. More would mean that each fills what it frees.
const TRIES: usize = 8;

/// What only the writer knows.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) counters: DiskCounters,
    /// Bytes that may be written again, of records that were asked for. Negative where tombstones had to be.
    pub(super) credit: i64,
}

/// A tombstone that is in memory, and that the index does not point to.
#[derive(Debug)]
struct Appended {
    hash: u64,
    place: Place,
    group: usize,
}

/// A record to append.
#[derive(Debug, Clone, Copy)]
pub(super) enum New<'a> {
    Item(&'a Item),
    Tombstone,
}

impl Core {
    pub(super) fn put(&self, item: &Item) -> Result<bool, TierError> {
        let hash = crate::hash::hash(&item.key);
        let mut writer = self.writer.lock();
        let now = self.clock.now();
        let bytes = record::item_length(item).filter(|bytes| *bytes <= self.largest());
        let Some(bytes) = bytes.filter(|_| !item.is_over(now)) else {
            self.remove_locked(&mut writer, &[hash])?;
            return Ok(false);
        };
        if self.has_already(hash, item, bytes) {
            writer.counters.puts_unchanged += 1;
            return Ok(true);
        }
        let group = group(item.until, now);
        let place = match self.append(&mut writer, group, hash, New::Item(item), bytes) {
            Ok(place) => place,
            Err(error) => {
                self.state.lock().hide(hash);
                return Err(error);
            }
        };
        writer.counters.bytes_admitted += size(bytes);
        earn(&mut writer, bytes);
        let mut state = self.state.lock();
        if state.index.get(hash).is_none_or(|slot| slot.tombstone) {
            state.supersede(hash, place, false);
            let pending = state.open.get(group).and_then(Option::as_ref).map_or(0, |open| open.pending.len());
            drop(state);
            if pending >= FLUSH {
                self.flush(&mut writer, group)?;
            }
            return Ok(true);
        }
        drop(state);
        let flushed = self.flush(&mut writer, group);
        self.state.lock().supersede(hash, place, false);
        flushed.map(|()| true)
    }

    /// As [`put`](Self::put), where that takes memory alone and no wait: the key has no record that counts, its group's region has room,
    /// and the record is none after which the group is written. None where it is not so, and nothing is done.
    pub(super) fn put_at_once(&self, item: &Item) -> Option<()> {
        let mut writer = self.writer.try_lock()?;
        let (hash, now) = (crate::hash::hash(&item.key), self.clock.now());
        let bytes = record::item_length(item).filter(|_| !item.is_over(now))?;
        let group = group(item.until, now);
        let pending = {
            let state = self.state.lock();
            if state.index.get(hash).is_some_and(|slot| !slot.tombstone) {
                return None;
            }
            state.open.get(group)?.as_ref()?.pending.len()
        };
        if pending + bytes >= FLUSH || !self.has_room(group, bytes) {
            return None;
        }
        let place = self.append_to_open(group, hash, New::Item(item), bytes).ok()?;
        writer.counters.bytes_admitted += size(bytes);
        earn(&mut writer, bytes);
        self.state.lock().supersede(hash, place, false);
        Some(())
    }

    /// Whether the newest record of the key is this very item: what went up and falls again unchanged need not be written again. The read
    /// costs less than the write.
    fn has_already(&self, hash: u64, item: &Item, bytes: usize) -> bool {
        let (place, generation, in_memory) = {
            let mut state = self.state.lock();
            let Some(slot) = state.index.get(hash).filter(|slot| !slot.tombstone) else { return false };
            if !slot.place.may_have(bytes) {
                return false;
            }
            // It is as good as asked for: without it, the item would have been written now.
            state.note_hit(hash, slot);
            let in_memory = state
                .in_memory(slot.place)
                .map(|(bytes, _)| bytes.iter().take(bytes_of(slot.place)).copied().collect());
            (slot.place, state.region(slot.place.region).map_or(0, |region| region.generation), in_memory)
        };
        let found: Option<Vec<u8>> =
            in_memory.or_else(|| self.log.read(self.at(place.region, place.offset), bytes_of(place)).ok());
        let found = found.as_deref().and_then(|found| Record::read(found, generation));
        found.is_some_and(|record| record.what == What::Item && record.item() == *item)
    }

    /// Removes these, with one write for each lifetime group that has any.
    ///
    /// # Errors
    /// One of those that there were. The keys are misses all the same.
    pub(super) fn remove(&self, hashes: &[u64]) -> Result<(), TierError> {
        self.remove_locked(&mut self.writer.lock(), hashes)
    }

    pub(super) fn remove_locked(&self, writer: &mut Writer, hashes: &[u64]) -> Result<(), TierError> {
        let (mut outcome, mut appended) = (Ok(()), Vec::new());
        for &hash in hashes {
            let Some(slot) = self.state.lock().index.get(hash).filter(|slot| !slot.tombstone) else {
                continue;
            };
            // It goes where the record is that it stands for, and so at about the same time.
            let group = self.state.lock().region(slot.place.region).map_or(GROUPS - 1, |region| region.group);
            // Making room may evict what the index does not point to yet.
            if !self.has_room(group, TOMBSTONE) {
                outcome = outcome.and(self.bury_appended(writer, &mut appended));
            }
            match self.append(writer, group, hash, New::Tombstone, TOMBSTONE) {
                Ok(place) => {
                    writer.counters.bytes_admitted += size(TOMBSTONE);
                    appended.push(Appended { hash, place, group });
                }
                Err(error) => {
                    self.state.lock().hide(hash);
                    outcome = outcome.and(Err(error));
                }
            }
        }
        outcome.and(self.bury_appended(writer, &mut appended))
    }

    /// Writes tombstones that were appended, and has the index point to them.
    fn bury_appended(&self, writer: &mut Writer, appended: &mut Vec<Appended>) -> Result<(), TierError> {
        let mut outcome = Ok(());
        for group in 0..GROUPS {
            let mut of_group = appended.iter().filter(|tombstone| tombstone.group == group).peekable();
            if of_group.peek().is_none() {
                continue;
            }
            let written = self.flush(writer, group);
            let mut state = self.state.lock();
            for tombstone in of_group {
                if written.is_err() {
                    state.hide(tombstone.hash);
                } else if state.index.get(tombstone.hash).is_some() {
                    // Else appending has evicted the record, and there is nothing to stand for: the tombstone is one too many.
                    state.supersede(tombstone.hash, tombstone.place, true);
                }
            }
            drop(state);
            outcome = outcome.and(written);
        }
        appended.clear();
        outcome
    }

    /// Appends a record to its group, in memory. The index does not know of it yet.
    pub(super) fn append(
        &self,
        writer: &mut Writer,
        group: usize,
        hash: u64,
        new: New<'_>,
        bytes: usize,
    ) -> Result<Place, TierError> {
        self.make_room(writer, group, bytes)?;
        self.append_to_open(group, hash, new, bytes)
    }

    /// Appends a record to the open region of its group, which has the room.
    pub(super) fn append_to_open(
        &self,
        group: usize,
        hash: u64,
        new: New<'_>,
        bytes: usize,
    ) -> Result<Place, TierError> {
        let mut state = self.state.lock();
        let sequence = state.next_sequence();
        let open = state.open.get_mut(group).and_then(Option::as_mut);
        let open = open.ok_or(TierError::Stopped { tier: "disk" })?;
        let offset = open.end();
        let pending = Arc::make_mut(&mut open.pending);
        let until = match new {
            New::Item(item) => {
                record::write_item(pending, open.generation, sequence, item);
                nanoseconds(item.until)
            }
            New::Tombstone => {
                record::write_tombstone(pending, open.generation, sequence, hash);
                0
            }
        };
        let tombstone = matches!(new, New::Tombstone);
        open.entries.push(Entry { hash, offset, tombstone, sequence });
        open.until = open.until.max(until);
        Ok(Place { region: open.region, offset, bound: small(bytes) })
    }

    /// Sees to it that the group has an open region with room for so many bytes. Evicts where that takes it.
    fn make_room(&self, writer: &mut Writer, group: usize, bytes: usize) -> Result<(), TierError> {
        if self.has_room(group, bytes) {
            return Ok(());
        }
        self.seal(writer, group)?;
        for _ in 0..TRIES {
            if self.state.lock().free.len() >= RESERVE {
                break;
            }
            self.evict(writer)?;
        }
        // What evicting carries over may have gone into a region of this group.
        if self.has_room(group, bytes) {
            return Ok(());
        }
        self.seal(writer, group)?;
        self.open_region(writer, group)
    }

    pub(super) fn has_room(&self, group: usize, bytes: usize) -> bool {
        let state = self.state.lock();
        let open = state.open.get(group).and_then(Option::as_ref);
        // Sequences are written as what they are more than the generation, in 32 bits.
        let near = |open: &Open| state.sequence - open.generation < u64::from(u32::MAX);
        open.is_some_and(|open| near(open) && open.has_room(bytes, self.region))
    }

    /// Opens a free region for the group, which has none open.
    pub(super) fn open_region(&self, writer: &mut Writer, group: usize) -> Result<(), TierError> {
        let (region, generation) = {
            let mut state = self.state.lock();
            let region = state.free.pop_front();
            (region, state.next_sequence())
        };
        // All is lost that is there. It takes tombstones for nearly every record to come here, none of which may be left out.
        let Some(region) = region else {
            tracing::warn!("the disk tier starts anew: nothing in it could be evicted");
            self.clear_locked(writer)?;
            return self.open_region(writer, group);
        };
        if let Err(error) = self.write_head(writer, region, Head::Used { generation }) {
            self.state.lock().free.push_front(region);
            return Err(error);
        }
        let mut state = self.state.lock();
        if let Some(known) = state.regions.get_mut(usize::from(region)) {
            *known = Region { phase: Phase::Open, generation, group, ..Region::FREE };
        }
        if let Some(open) = state.open.get_mut(group) {
            *open = Some(Open::new(region, generation));
        }
        Ok(())
    }

    /// Writes both heads of a region, and wipes its trailer.
    pub(super) fn write_head(&self, writer: &mut Writer, region: u16, head: Head) -> Result<(), TierError> {
        let head = head.write(u32::from(region));
        let at = self.at(region, 0);
        self.write(writer, at, &head)?;
        let tail = [&[0; TAIL - HEAD], head.as_slice()].concat();
        self.write(writer, at + u64::from(self.region) - size(TAIL), &tail)
    }

    /// Writes what a group has in memory, and the end mark behind it.
    pub(super) fn flush(&self, writer: &mut Writer, group: usize) -> Result<(), TierError> {
        let (at, pending, records) = {
            let mut state = self.state.lock();
            let sequence = state.next_sequence();
            let Some(open) = state.open.get_mut(group).and_then(Option::as_mut) else { return Ok(()) };
            if open.pending.is_empty() {
                return Ok(());
            }
            let records = open.pending.len();
            let pending = Arc::make_mut(&mut open.pending);
            record::write_end(pending, open.generation, sequence);
            (self.at(open.region, open.written), Arc::clone(&open.pending), records)
        };
        let written = self.write(writer, at, &pending);
        drop(pending);
        let mut state = self.state.lock();
        if let Some(open) = state.open.get_mut(group).and_then(Option::as_mut) {
            if written.is_ok() {
                open.written += small(records);
                open.pending = Arc::default();
            } else {
                // It stays in memory, and is tried again with the next record.
                Arc::make_mut(&mut open.pending).truncate(records);
            }
        }
        written
    }

    /// Writes the footer of a group's open region, which is full with that.
    pub(super) fn seal(&self, writer: &mut Writer, group: usize) -> Result<(), TierError> {
        self.flush(writer, group)?;
        let (region, footer) = {
            let mut state = self.state.lock();
            let Some(open) = state.open.get_mut(group).and_then(Option::as_mut) else { return Ok(()) };
            let (generation, end, until) = (open.generation, open.end(), open.until);
            (open.region, Footer { generation, entries: std::mem::take(&mut open.entries), end, until })
        };
        let written = self.write_footer(writer, region, &footer);
        let mut state = self.state.lock();
        if written.is_err() {
            if let Some(open) = state.open.get_mut(group).and_then(Option::as_mut) {
                open.entries = footer.entries;
            }
            return written;
        }
        if let Some(open) = state.open.get_mut(group) {
            *open = None;
        }
        if let Some(known) = state.regions.get_mut(usize::from(region)) {
            known.phase = Phase::Sealed;
            known.until = footer.until;
        }
        written
    }

    pub(super) fn write_footer(
        &self,
        writer: &mut Writer,
        region: u16,
        footer: &Footer,
    ) -> Result<(), TierError> {
        let bytes = footer.write();
        let at = self.at(region, self.region) - size(HEAD) - size(bytes.len());
        self.write(writer, at, &bytes)
    }

    fn write(&self, writer: &mut Writer, at: u64, bytes: &[u8]) -> Result<(), TierError> {
        writer.counters.bytes_written += size(bytes.len());
        self.log.write(at, bytes)
    }

    /// Forgets everything: regions of smaller generations do not count from now on, also where the process ends on the way.
    pub(super) fn clear_locked(&self, writer: &mut Writer) -> Result<(), TierError> {
        let (floor, used) = {
            let mut state = self.state.lock();
            let floor = state.next_sequence();
            let regions = state.regions.len();
            let used: Vec<u16> = (0..=u16::MAX)
                .zip(&state.regions)
                .filter(|(_, region)| region.phase != Phase::Free)
                .map(|(number, _)| number)
                .collect();
            state.index.clear();
            state.live = 0;
            state.open = [const { None }; GROUPS];
            state.regions = vec![Region::FREE; regions];
            state.free = VecDeque::new();
            (floor, used)
        };
        self.leave(floor, false)?;
        for region in used {
            self.write_head(writer, region, Head::Free)?;
        }
        let mut state = self.state.lock();
        state.free = (0..=u16::MAX).take(state.regions.len()).collect();
        Ok(())
    }

    /// Writes all that is in memory to the files and seals what is open, forces them to the disk, and says that they are whole.
    pub(super) fn close(&self) -> Result<(), TierError> {
        let mut writer = self.writer.lock();
        for group in 0..GROUPS {
            self.seal(&mut writer, group)?;
        }
        self.log.sync()?;
        let floor = *self.floor.lock();
        self.leave(floor, true)
    }

    /// Where a place in a region is in the file.
    pub(super) fn at(&self, region: u16, offset: u32) -> u64 {
        u64::from(region) * u64::from(self.region) + u64::from(offset)
    }

    /// The largest record that fits into a region.
    pub(super) fn largest(&self) -> usize {
        length(self.region) - HEAD - record::HEADER - Footer::length(1) - HEAD
    }
}

fn bytes_of(place: Place) -> usize {
    length(place.bound)
}

/// A part of what comes in may be spent on writing what was asked for again: 3 %, of one region at most.
fn earn(writer: &mut Writer, bytes: usize) {
    let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
    writer.credit = writer.credit.saturating_add(bytes * 3 / 100).min(16 << 20);
}
