//! Reading what an earlier process has left.
//!
//! Of a sealed region the footer is read and nothing else. A region that was not sealed, or whose footer is damaged, is read record by
//! record. Of each hash the record with the largest sequence counts, tombstones included. Several threads read the footers, and each then
//! fills some of the tables of the index: of a million entries that takes most of
//! the time: 0.05 to 0.07 s, and 0.12 to 0.16 on one thread (`bench/serve/faults.py --only million`).
//!
//! Damage must not bring back what is older. A record that does not check out, with a good one or the end mark somewhere behind it, is
//! damaged, and may have been newer than any record of a smaller sequence than what follows it: so every region goes that has such
//! records. Where nothing good follows, the write of it was cut short by the end of the process, and nobody was told that it had been
//! done. A region whose two heads are both damaged may have held anything, and takes all others with it.

use std::time::Duration;

use super::Core;
use super::bytes::{length, small};
use super::config::group;
use super::index::{Part, Place, Slot};
use super::record::{ALIGN, HEADER, Record, What};
use super::region::{Entry, Footer, HEAD, Head, TAIL};
use super::state::{Phase, Region, State};
use crate::TierError;
use crate::item::size;

/// Threads that read and fill at most; there are no more than processors.
const THREADS: usize = 8;

/// Below so many regions or entries for each, threads are not worth it.
const REGIONS: usize = 4;
const ENTRIES: usize = 10_000;

/// What was found of one region.
#[derive(Debug)]
struct Found {
    region: u16,
    footer: Footer,
    sealed: bool,
}

/// What head and footer say of a region.
#[derive(Debug)]
enum Seen {
    Free,
    Sealed(Footer),
    /// It has this generation, and no footer that checks out.
    Unsealed(u64),
    /// Its generation is below the floor.
    Outdated,
    Damaged,
}

impl Core {
    /// Fills the index with what the regions hold, and returns whether any damage was found. Regions before the floor are freed.
    pub(super) fn recover(&self, regions: usize, floor: u64) -> Result<bool, TierError> {
        let now = self.clock.now();
        let mut writer = self.writer.lock();
        let (mut found, mut free, mut damaged_below) = (Vec::new(), Vec::new(), 0);
        let mut largest = floor;
        for (region, seen) in (0..=u16::MAX).zip(self.see_all(regions, floor)) {
            let (footer, sealed) = match seen {
                Seen::Free => {
                    free.push(region);
                    continue;
                }
                Seen::Outdated | Seen::Damaged => {
                    if matches!(seen, Seen::Damaged) {
                        damaged_below = u64::MAX;
                    }
                    self.write_head(&mut writer, region, Head::Free)?;
                    free.push(region);
                    continue;
                }
                Seen::Sealed(footer) => (footer, true),
                Seen::Unsealed(generation) => (self.scan(region, generation, &mut damaged_below)?, false),
            };
            largest = largest.max(footer.entries.last().map_or(footer.generation, |last| last.sequence));
            found.push(Found { region, footer, sealed });
        }
        // Not to use a sequence again that a damaged region may hold: time has gone on since.
        let microseconds = u64::try_from(now.as_micros()).unwrap_or(0);
        self.state.lock().sequence = largest.saturating_add(1).max(microseconds);
        let sound =
            |found: &Found| found.footer.entries.first().is_some_and(|first| first.sequence >= damaged_below);
        let (mut sound, lost): (Vec<_>, Vec<_>) = found.into_iter().partition(sound);
        for lost in lost {
            self.write_head(&mut writer, lost.region, Head::Free)?;
            free.push(lost.region);
        }
        for unsealed in sound.iter().filter(|found| !found.sealed) {
            self.write_footer(&mut writer, unsealed.region, &unsealed.footer)?;
        }
        sound.sort_by_key(|found| found.footer.generation);
        let mut state = self.state.lock();
        state.free = free.into();
        build(&mut state, &sound, now);
        Ok(damaged_below > 0)
    }

    /// What heads and footers say, by region.
    fn see_all(&self, regions: usize, floor: u64) -> Vec<Seen> {
        let numbers: Vec<u16> = (0..=u16::MAX).take(regions).collect();
        let share = regions.div_ceil(threads(regions / REGIONS)).max(1);
        let see_some = |numbers: &[u16]| -> Vec<Seen> {
            numbers.iter().map(|region| self.see(*region, floor)).collect()
        };
        beside(numbers.chunks(share), see_some).into_iter().flatten().collect()
    }

    fn see(&self, region: u16, floor: u64) -> Seen {
        match self.head(region) {
            Some(Head::Free) => Seen::Free,
            Some(Head::Used { generation }) if generation < floor => Seen::Outdated,
            Some(Head::Used { generation }) => {
                self.footer(region, generation).map_or(Seen::Unsealed(generation), Seen::Sealed)
            }
            None => Seen::Damaged,
        }
    }

    fn head(&self, region: u16) -> Option<Head> {
        let first = self.log.read(self.at(region, 0), HEAD).ok()?;
        let tail = self.log.read(self.at(region, self.region) - size(TAIL), TAIL).ok()?;
        Head::of(&first, &tail, u32::from(region))
    }

    /// Reads a region record by record.
    fn scan(&self, region: u16, generation: u64, damaged_below: &mut u64) -> Result<Footer, TierError> {
        let bytes = self.log.read(self.at(region, 0), length(self.region))?;
        let limit = length(self.region) - TAIL;
        let bytes = bytes.get(..limit).unwrap_or(&bytes);
        let mut footer = Footer { generation, entries: Vec::new(), end: small(HEAD), until: 0 };
        let (mut at, mut last) = (HEAD, generation);
        loop {
            let next = record_at(bytes, at, generation, last);
            let (place, record) = match next {
                Some(record) => (at, record),
                None => match resume(bytes, at, generation, last) {
                    Some((place, record)) => {
                        self.meter.failed();
                        *damaged_below = record.sequence.max(*damaged_below);
                        (place, record)
                    }
                    None => break,
                },
            };
            last = record.sequence;
            let Some(hash) = record.hash() else { break };
            let tombstone = record.what == What::Tombstone;
            footer.entries.push(Entry { hash, offset: small(place), tombstone, sequence: record.sequence });
            if !tombstone {
                footer.until = footer.until.max(record.until);
            }
            at = place + record.length;
            footer.end = small(at);
        }
        Ok(footer)
    }
}

fn record_at(bytes: &[u8], at: usize, generation: u64, last: u64) -> Option<Record<'_>> {
    let bytes = bytes.get(at..)?;
    let sequence = Record::sequence(bytes)?;
    // The checksum costs time, and nearly everything that is no record fails here. Footers know 32 bits more than the generation.
    if sequence <= last || sequence - generation > u64::from(u32::MAX) {
        return None;
    }
    Record::read(bytes, generation)
}

/// The next good record behind a place where none is.
fn resume(bytes: &[u8], at: usize, generation: u64, last: u64) -> Option<(usize, Record<'_>)> {
    let places = (at + ALIGN..bytes.len().saturating_sub(HEADER - 1)).step_by(ALIGN);
    places.filter_map(|place| Some((place, record_at(bytes, place, generation, last)?))).next()
}

/// How many threads to use for what this many could do.
fn threads(useful: usize) -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(useful).clamp(1, THREADS)
}

/// What `work` makes of each of these, on a thread for each; on this one where there is but one.
fn beside<T: Send, R: Send>(parts: impl Iterator<Item = T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let mut parts = parts.peekable();
    let Some(first) = parts.next() else { return Vec::new() };
    if parts.peek().is_none() {
        return vec![work(first)];
    }
    let work = &work;
    std::thread::scope(|scope| {
        let others: Vec<_> = parts.map(|part| scope.spawn(move || work(part))).collect();
        let mut done = vec![work(first)];
        for other in others {
            match other.join() {
                Ok(result) => done.push(result),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

/// The index of what was found, which is sorted by generation.
fn build(state: &mut State, found: &[Found], now: Duration) {
    let total = found.iter().map(|found| found.footer.entries.len()).sum();
    state.index.reserve(total);
    let mut by_region: Vec<Option<&Footer>> = vec![None; state.regions.len()];
    for Found { region, footer, .. } in found {
        if let Some(place) = by_region.get_mut(usize::from(*region)) {
            *place = Some(footer);
        }
        if let Some(known) = state.regions.get_mut(usize::from(*region)) {
            let (generation, until) = (footer.generation, footer.until);
            let group = group((until != u64::MAX).then(|| Duration::from_nanos(until)), now);
            *known = Region { phase: Phase::Sealed, generation, group, until, ..Region::FREE };
        }
    }
    let counts = beside(state.index.parts(threads(total / ENTRIES)), |part| fill(part, found, &by_region));
    for counts in counts {
        for (region, counted) in state.regions.iter_mut().zip(counts) {
            region.live += counted.live;
            region.carried += counted.carried;
            state.live += u64::from(counted.live);
        }
    }
}

/// What the index has of a region.
#[derive(Debug, Clone, Copy, Default)]
struct Counted {
    live: u32,
    carried: u32,
}

/// Fills a part of the index, and counts what it has, by region.
fn fill(mut part: Part<'_>, found: &[Found], by_region: &[Option<&Footer>]) -> Vec<Counted> {
    let sequence_of = |slot: Slot| {
        let footer = by_region.get(usize::from(slot.place.region)).copied().flatten()?;
        let at = footer.entries.binary_search_by_key(&slot.place.offset, |entry| entry.offset).ok()?;
        footer.entries.get(at).map(|entry| entry.sequence)
    };
    for Found { region, footer, .. } in found {
        let ends = footer.entries.iter().skip(1).map(|next| next.offset).chain([footer.end]);
        for (entry, end) in footer.entries.iter().zip(ends) {
            part.change(entry.hash, |older| {
                let place =
                    Place { region: *region, offset: entry.offset, bound: end.saturating_sub(entry.offset) };
                let new = Slot { place, tombstone: entry.tombstone, hit: false, dead: 0 };
                match older {
                    None => new,
                    Some(older) if sequence_of(older) > Some(entry.sequence) => {
                        Slot { dead: older.dead + u32::from(!entry.tombstone), ..older }
                    }
                    Some(older) => Slot { dead: older.dead + u32::from(!older.tombstone), ..new },
                }
            });
        }
    }
    let mut counts = vec![Counted::default(); by_region.len()];
    part.retain(|slot| {
        // A tombstone that stands for nothing.
        if slot.tombstone && slot.dead == 0 {
            return false;
        }
        if let Some(count) = counts.get_mut(usize::from(slot.place.region)) {
            count.live += u32::from(!slot.tombstone);
            count.carried += u32::from(slot.is_carried());
        }
        true
    });
    counts
}
