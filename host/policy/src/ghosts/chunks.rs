//! The ghosts in their order: an unrolled list (Shao, Reppy and Appel, "Unrolling lists", 1994).
//!
//! A queue with gaps: ghosts join at the back, leave at the front, and from anywhere when their entry returns.
//! Links of its own would cost each of them 8 bytes. Here 64 stand in a chunk, and only chunks are linked. A ghost
//! that leaves is a cleared bit; when two neighbours have room in one chunk they have to become one, which this
//! file announces and [the owner](super) does, because the ghosts that move are in its chains. A merge frees a
//! chunk, so there are no more merges than were chunks filled: a move at most for each ghost that joins.
//!
//! A ghost's number is 64 times its chunk's plus its place there. It changes only in a merge.
#![expect(clippy::indexing_slicing, reason = "numbers come from these chunks; places are below their length")]

use super::Tag;
use crate::list::{NIL, at};
use crate::weights::Weights;

/// Places in a chunk: the bits of its mask.
pub(super) const LEN: u32 = u64::BITS;

const PLACES: usize = at(LEN);

/// A ghost and the next of its chain, the number in bytes so that nothing is lost to alignment.
#[derive(Debug, Clone, Copy)]
struct Record {
    tag: Tag,
    next: [u8; 4],
}

#[derive(Debug)]
struct Chunk<T> {
    records: [Record; PLACES],
    words: [T; PLACES],
    /// The places that hold a ghost.
    live: u64,
    /// Places given out; only the newest chunk gives any.
    used: u32,
    prev: u32,
    next: u32,
}

#[derive(Debug)]
pub(super) struct Chunks<T> {
    /// By number. Boxed, so that growth leaves no more than a pointer's slack for each.
    chunks: Vec<Box<Chunk<T>>>,
    weights: Weights,
    front: u32,
    back: u32,
    /// First chunk without ghosts, chained through `next`.
    free: u32,
}

const fn bit(ghost: u32) -> u64 {
    1 << (ghost % LEN)
}

/// The places of a mask.
fn places(mut live: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        (live != 0).then(|| {
            let place = live.trailing_zeros();
            live &= live - 1;
            place
        })
    })
}

impl<T: Copy + Default> Chunks<T> {
    pub(super) const fn new() -> Self {
        Self { chunks: Vec::new(), weights: Weights::new(), front: NIL, back: NIL, free: NIL }
    }

    fn chunk(&self, ghost: u32) -> &Chunk<T> {
        &self.chunks[at(ghost / LEN)]
    }

    fn record(&self, ghost: u32) -> &Record {
        &self.chunk(ghost).records[at(ghost % LEN)]
    }

    #[inline]
    pub(super) fn tag(&self, ghost: u32) -> Tag {
        self.record(ghost).tag
    }

    /// The next ghost of the chain, or [`NIL`].
    #[inline]
    pub(super) fn next(&self, ghost: u32) -> u32 {
        u32::from_le_bytes(self.record(ghost).next)
    }

    pub(super) fn set_next(&mut self, ghost: u32, next: u32) {
        self.chunks[at(ghost / LEN)].records[at(ghost % LEN)].next = next.to_le_bytes();
    }

    pub(super) fn word(&self, ghost: u32) -> T {
        self.chunk(ghost).words[at(ghost % LEN)]
    }

    pub(super) fn weight(&self, ghost: u32) -> u64 {
        self.weights.get(ghost)
    }

    pub(super) fn change_words(&mut self, change: impl Fn(T) -> T) {
        for word in self.chunks.iter_mut().flat_map(|chunk| &mut chunk.words) {
            *word = change(*word);
        }
    }

    /// The oldest ghost, or [`NIL`].
    pub(super) fn oldest(&self) -> u32 {
        let front = self.chunks.get(at(self.front));
        front.map_or(NIL, |chunk| self.front * LEN + chunk.live.trailing_zeros())
    }

    /// The ghosts from the oldest to the newest.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        let first = (self.front != NIL).then_some(self.front);
        let next = |&chunk: &u32| Some(self.chunks[at(chunk)].next).filter(|&next| next != NIL);
        std::iter::successors(first, next)
            .flat_map(|chunk| places(self.chunks[at(chunk)].live).map(move |place| chunk * LEN + place))
    }

    /// A newest ghost, in no chain. `None` once all numbers are used.
    pub(super) fn push(&mut self, tag: Tag, weight: u64, word: T) -> Option<u32> {
        if self.back == NIL || self.chunks[at(self.back)].used == LEN {
            self.open()?;
        }
        let number = self.back;
        let chunk = &mut self.chunks[at(number)];
        let ghost = number * LEN + chunk.used;
        chunk.records[at(chunk.used)] = Record { tag, next: NIL.to_le_bytes() };
        chunk.words[at(chunk.used)] = word;
        chunk.live |= bit(ghost);
        chunk.used += 1;
        self.weights.set(ghost, weight);
        Some(ghost)
    }

    /// Links an empty chunk behind the newest.
    fn open(&mut self) -> Option<()> {
        let number = if self.free == NIL {
            // The last number of the last chunk is NIL, and is never given out.
            let number = u32::try_from(self.chunks.len()).ok().filter(|&number| number < NIL / LEN)?;
            self.chunks.push(Box::new(Chunk {
                records: [Record { tag: Tag::NONE, next: NIL.to_le_bytes() }; PLACES],
                words: [T::default(); PLACES],
                live: 0,
                used: 0,
                prev: NIL,
                next: NIL,
            }));
            number
        } else {
            let number = self.free;
            self.free = self.chunks[at(number)].next;
            number
        };
        let back = self.back;
        let chunk = &mut self.chunks[at(number)];
        (chunk.live, chunk.used, chunk.prev, chunk.next) = (0, 0, back, NIL);
        if back == NIL {
            self.front = number;
        } else {
            self.chunks[at(back)].next = number;
        }
        self.back = number;
        Some(())
    }

    /// Unlinks a chunk, whose ghosts are gone or elsewhere.
    fn close(&mut self, number: u32) {
        let (prev, next) = (self.chunks[at(number)].prev, self.chunks[at(number)].next);
        match self.chunks.get_mut(at(prev)) {
            Some(chunk) => chunk.next = next,
            None => self.front = next,
        }
        match self.chunks.get_mut(at(next)) {
            Some(chunk) => chunk.prev = prev,
            None => self.back = prev,
        }
        self.chunks[at(number)].next = self.free;
        self.free = number;
    }

    /// Takes a ghost out. Gives the first of two neighbouring chunks that have to be [merged](Self::merging).
    pub(super) fn remove(&mut self, ghost: u32) -> Option<u32> {
        let number = ghost / LEN;
        let chunk = &mut self.chunks[at(number)];
        chunk.live &= !bit(ghost);
        if chunk.live == 0 {
            self.close(number);
            return None;
        }
        let prev = self.chunks[at(number)].prev;
        [prev, number].into_iter().find(|&first| self.fit_in_one(first))
    }

    fn fit_in_one(&self, first: u32) -> bool {
        let Some(first) = self.chunks.get(at(first)) else { return false };
        let Some(second) = self.chunks.get(at(first.next)) else { return false };
        first.live.count_ones() + second.live.count_ones() <= LEN
    }

    /// What a merge of a chunk and the one behind it does: the ghosts in their order, each with its number to be.
    pub(super) fn merging(&self, first: u32) -> impl Iterator<Item = (u32, u32)> + use<T> {
        let second = self.chunks[at(first)].next;
        let from = |number: u32| places(self.chunks[at(number)].live).map(move |place| number * LEN + place);
        from(first).chain(from(second)).zip(first * LEN..)
    }

    /// Copies what is known of a ghost to another number.
    pub(super) fn relocate(&mut self, from: u32, to: u32) {
        let (record, word) = (*self.record(from), self.word(from));
        let chunk = &mut self.chunks[at(to / LEN)];
        chunk.records[at(to % LEN)] = record;
        chunk.words[at(to % LEN)] = word;
        self.weights.set(to, self.weights.get(from));
    }

    /// Ends a merge: the ghosts of both chunks stand in the first now, side by side from its start.
    pub(super) fn merged(&mut self, first: u32) {
        let second = self.chunks[at(first)].next;
        let count = self.chunks[at(first)].live.count_ones() + self.chunks[at(second)].live.count_ones();
        let chunk = &mut self.chunks[at(first)];
        chunk.live = u64::MAX >> (LEN - count);
        chunk.used = count;
        self.close(second);
    }
}

#[cfg(test)]
impl<T> Chunks<T> {
    /// Chunks that there are.
    pub(super) const fn len(&self) -> usize {
        self.chunks.len()
    }

    /// Chunks that hold ghosts.
    pub(super) fn linked(&self) -> usize {
        let next = |&chunk: &u32| Some(self.chunks[at(chunk)].next).filter(|&next| next != NIL);
        std::iter::successors(Some(self.front).filter(|&front| front != NIL), next).count()
    }
}
