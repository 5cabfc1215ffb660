//! Making room: which region goes, and what of it stays.
//!
//! First a region in which everything is over or superseded; then the oldest one. Two things of it are written again. Tombstones, where
//! records that are older still lie elsewhere: they have to be. And records that were asked for since they were written: once for each
//! time they are found so, a quarter of a region at most, and no more in all than 3 % of what came in. That is the trade: a
//! larger share would keep more of what is asked for, and wear the disk for it; at 3 %, with some 16 bytes of footer a record, what
//! is written stays within 1.05 times the bytes of the records that come in, their headers included.
//!
//! The order of writes is what makes the end of the process harmless at any point: first all that is in memory is written, what is carried
//! over among it, then the region is marked free, then memory forgets what was in it.

use super::Core;
use super::bytes::{length, nanoseconds};
use super::config::GROUPS;
use super::index::Slot;
use super::record::{Record, TOMBSTONE, What};
use super::region::{ENTRY, Footer, HEAD, Head, TAIL};
use super::state::{Phase, Region, State};
use super::writer::{New, Writer};
use crate::TierError;
use crate::item::size;

impl Core {
    /// Frees one region.
    pub(super) fn evict(&self, writer: &mut Writer) -> Result<(), TierError> {
        let victim = self.victim(u16::MAX);
        let Some(victim) = victim else {
            // All that is not free is open.
            let Some(group) = (0..GROUPS).find(|group| self.is_open(*group)) else { return Ok(()) };
            return self.seal(writer, group);
        };
        self.evict_region(writer, victim)
    }

    fn is_open(&self, group: usize) -> bool {
        self.state.lock().open.get(group).is_some_and(Option::is_some)
    }

    /// The region below `below` that goes next.
    pub(super) fn victim(&self, below: u16) -> Option<u16> {
        let now = nanoseconds(Some(self.clock.now()));
        let state = self.state.lock();
        let sealed = |(_, region): &(u16, &Region)| region.phase == Phase::Sealed;
        let all = || (0..=below).zip(&state.regions).filter(sealed);
        let is_idle = |region: &Region| (region.live == 0 || region.until <= now) && region.carried == 0;
        // Where nearly all is carried over, little becomes free.
        let much = self.region / 8;
        let little = |region: &Region| region.carried.saturating_mul(super::bytes::small(TOMBSTONE)) <= much;
        all()
            .find(|(_, region)| is_idle(region))
            .or_else(|| {
                all().filter(|(_, region)| little(region)).min_by_key(|(_, region)| region.generation)
            })
            .or_else(|| all().min_by_key(|(_, region)| region.carried))
            .map(|(number, _)| number)
    }

    /// Frees this region, which is sealed.
    pub(super) fn evict_region(&self, writer: &mut Writer, victim: u16) -> Result<(), TierError> {
        let Some(known) = self.state.lock().region(victim).copied() else { return Ok(()) };
        let footer = self.footer(victim, known.generation);
        if footer.is_none() {
            self.meter.failed();
        }
        let now = nanoseconds(Some(self.clock.now()));
        let (current, dead) = sort_out(&self.state.lock(), victim, footer.as_ref());
        for hash in dead {
            self.state.lock().bury(hash);
        }
        let (mut left, mut gone) = (self.region / 4, 0);
        for (hash, _) in current {
            // Burying may have changed it.
            let Some(slot) = self.state.lock().index.get(hash) else { continue };
            if slot.place.region != victim {
                continue;
            }
            let again = !slot.tombstone && slot.hit && slot.place.bound <= left && writer.credit > 0;
            let item = again.then(|| self.record_again(victim, known.generation, slot, now)).flatten();
            let (new, bytes) = match &item {
                Some((item, bytes)) => (New::Item(item), *bytes),
                None if slot.is_carried() => (New::Tombstone, TOMBSTONE),
                None => {
                    self.state.lock().forget(hash);
                    gone += u64::from(known.until > now);
                    continue;
                }
            };
            if !self.carry_over(writer, known.group, hash, new, bytes)? {
                return Ok(());
            }
            writer.credit -= i64::try_from(bytes).unwrap_or(0);
            if item.is_some() {
                left = left.saturating_sub(slot.place.bound);
                writer.counters.bytes_written_again += size(bytes);
            } else {
                writer.counters.bytes_of_tombstones += size(bytes);
                gone += u64::from(!slot.tombstone && known.until > now);
            }
        }
        // What is carried over, and what took the place of a tombstone that goes with this region.
        for group in 0..GROUPS {
            self.flush(writer, group)?;
        }
        self.write_head(writer, victim, Head::Free)?;
        self.meter.evicted(gone);
        let mut state = self.state.lock();
        if let Some(region) = state.regions.get_mut(usize::from(victim)) {
            *region = Region::FREE;
        }
        state.free.push_back(victim);
        Ok(())
    }

    /// Appends what stays. False where that took the last resort, which leaves nothing to carry over.
    fn carry_over(
        &self,
        writer: &mut Writer,
        group: usize,
        hash: u64,
        new: New<'_>,
        bytes: usize,
    ) -> Result<bool, TierError> {
        if !self.has_room(group, bytes) {
            self.seal(writer, group)?;
            if self.state.lock().free.is_empty() {
                tracing::warn!("the disk tier starts anew: what has to be kept of its regions fills them");
                self.clear_locked(writer)?;
                return Ok(false);
            }
            self.open_region(writer, group)?;
        }
        let place = self.append_to_open(group, hash, new, bytes)?;
        self.state.lock().move_to(hash, place, matches!(new, New::Tombstone));
        Ok(true)
    }

    /// The item of a record that is written again, and the bytes that it takes.
    fn record_again(
        &self,
        region: u16,
        generation: u64,
        slot: Slot,
        now: u64,
    ) -> Option<(crate::Item, usize)> {
        let bytes = self.log.read(self.at(region, slot.place.offset), length(slot.place.bound)).ok()?;
        let record = Record::read(&bytes, generation).filter(|record| record.what == What::Item)?;
        (record.until > now).then(|| (record.item(), record.length))
    }

    /// The footer of a sealed region. None where it cannot be read.
    pub(super) fn footer(&self, region: u16, generation: u64) -> Option<Footer> {
        let end = self.at(region, self.region);
        let tail = self.log.read(end - size(TAIL), TAIL).ok()?;
        let entries = Footer::count(&tail, generation, self.region)? * ENTRY;
        let bytes = self.log.read(end - size(HEAD) - size(TAIL - HEAD) - size(entries), entries).ok()?;
        Footer::read(&bytes, &tail, generation)
    }
}

/// What of a region the index points to, and the hashes of the records in it that are dead. Without a footer, the latter are not known: they stay
/// counted, and their tombstones stay.
fn sort_out(state: &State, region: u16, footer: Option<&Footer>) -> (Vec<(u64, Slot)>, Vec<u64>) {
    let Some(footer) = footer else { return (state.index.of_region(region), Vec::new()) };
    let (mut current, mut dead) = (Vec::new(), Vec::new());
    for entry in &footer.entries {
        match state.index.get(entry.hash) {
            Some(slot) if slot.place.region == region && slot.place.offset == entry.offset => {
                current.push((entry.hash, slot));
            }
            Some(_) if !entry.tombstone => dead.push(entry.hash),
            _ => {}
        }
    }
    (current, dead)
}
