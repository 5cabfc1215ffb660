//! A trace in memory, its keys numbered.
//!
//! One thread appends to it while others replay what is there already, so that a replay takes no longer than the
//! reading where that is the slower one.

use std::sync::mpsc::Receiver;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use host_workload::trace::TraceError;

use crate::SimError;
use crate::blocks::Block;
use crate::budget::Budget;
use crate::keys::Keys;
use crate::numbering::Numbering;
use crate::observer::Observer;

/// Bytes for each key while the trace is read, besides those of [`Numbering`]: its hash in a [`Piece`].
const BYTES_PER_KEY: u64 = 8;

/// Bytes of a running replay for each key.
const REPLAY_BYTES_PER_KEY: u64 = 12;

/// Consecutive requests, numbered.
pub(crate) struct Piece {
    /// The number of each request's key. Numbers are given in the order of the first requests.
    pub(crate) numbers: Vec<u32>,
    /// The hashes of the keys that are new in this piece, by number.
    pub(crate) new_keys: Vec<u64>,
    /// Size of each request; empty where sizes are not wanted.
    sizes: Vec<u32>,
}

impl Piece {
    /// The size of each request; empty where they are not `wanted`.
    pub(crate) fn sizes(&self, wanted: bool) -> &[u32] {
        if wanted { &self.sizes } else { &[] }
    }
}

/// Pieces that the reading may be ahead of the replays: so the replays do not lag behind, and no core is idle at the end.
/// `host sim --policy s3-fifo --capacity 15000` on 20 million Zipf requests took 911 ms with this bound, and 1,056 without
/// (2 cores, medians of 5).
const AHEAD: usize = 32;

/// The requests of a trace, from the first one.
#[derive(Default)]
pub(crate) struct Interned {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    pieces: Vec<Arc<Piece>>,
    end: Option<End>,
    /// Replays under way.
    replays: usize,
    /// Pieces that one of them has begun with.
    begun: usize,
}

/// A replay under way.
struct Follower<'a>(&'a Interned);

impl<'a> Follower<'a> {
    fn new(interned: &'a Interned) -> Self {
        interned.lock().replays += 1;
        Self(interned)
    }
}

impl Drop for Follower<'_> {
    fn drop(&mut self) {
        self.0.lock().replays -= 1;
        // The reading waits for no replay that has ended, also where it panicked.
        self.0.changed.notify_all();
    }
}

/// Why no more pieces come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The trace is read to its end.
    Whole,
    /// Nobody wants the rows any more.
    Abandoned,
}

impl Interned {
    /// Hands each piece to `replay`, in order, and waits for those that are still being read. False when `replay` returned
    /// false, or the trace was [abandoned](Self::abandon).
    pub(crate) fn for_each(&self, mut replay: impl FnMut(&Piece) -> bool) -> bool {
        let _follower = Follower::new(self);
        let mut next = 0;
        loop {
            let piece = {
                let mut state = self.lock();
                loop {
                    match (state.pieces.get(next), state.end) {
                        (_, Some(End::Abandoned)) => return false,
                        (Some(piece), end) => {
                            let piece = Arc::clone(piece);
                            if next >= state.begun {
                                state.begun = next + 1;
                                if end.is_none() {
                                    self.changed.notify_all();
                                }
                            }
                            break piece;
                        }
                        (None, Some(End::Whole)) => return true,
                        (None, None) => {
                            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                        }
                    }
                }
            };
            if !replay(&piece) {
                return false;
            }
            next += 1;
        }
    }

    /// Ends every [`for_each`](Self::for_each) soon, also one that waits.
    pub(crate) fn abandon(&self) {
        self.end(End::Abandoned);
    }

    /// Ends every [`for_each`](Self::for_each), and returns the pieces.
    fn take_pieces(&self) -> Vec<Arc<Piece>> {
        self.abandon();
        std::mem::take(&mut self.lock().pieces)
    }

    /// Appends a piece. Waits while the replays under way are all far behind.
    fn push(&self, piece: Piece) {
        let mut state = self.lock();
        while state.end.is_none() && state.replays > 0 && state.pieces.len() >= state.begun + AHEAD {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.pieces.push(Arc::new(piece));
        drop(state);
        self.changed.notify_all();
    }

    fn end(&self, end: End) {
        self.lock().end = Some(end);
        self.changed.notify_all();
    }

    /// The state is changed by single stores, so that a thread that panics leaves it whole.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a trace while it is read into memory.
pub(crate) struct Reading<'a> {
    path: &'a str,
    into: &'a Interned,
    /// Whether the sizes of the requests are kept.
    keep_sizes: bool,
    /// Replays that run at a time.
    replays: u64,
    keys: Numbering,
    requests: u64,
    /// Bytes of the pieces, besides their new keys.
    held: u64,
    /// Sum of the sizes of the keys, each as large as when it was first requested and at least 1.
    footprint: u64,
    sized: bool,
}

/// Whether a trace fitted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// To its end, or to where it was told to stop.
    Whole,
    /// To the end of the budget: more is to be read.
    Part,
}

impl<'a> Reading<'a> {
    /// Nothing yet of the trace at `path`. So many `replays` will run at a time; the budget has to hold them too.
    pub(crate) fn new(path: &'a str, into: &'a Interned, keep_sizes: bool, replays: usize) -> Self {
        Self {
            path,
            into,
            keep_sizes,
            replays: count(replays),
            keys: Numbering::new(),
            requests: 0,
            held: 0,
            footprint: 0,
            sized: false,
        }
    }

    /// Takes blocks until there are none, the budget is used up, or it is told to stop.
    pub(crate) fn fill(
        &mut self,
        blocks: &Receiver<Result<Block, TraceError>>,
        budget: &mut Budget,
        observer: &dyn Observer,
    ) -> Result<Fill, SimError> {
        for block in blocks {
            self.add(block?)?;
            observer.at(self.requests);
            if observer.stopped() {
                break;
            }
            if !budget.allows(self.bytes()) {
                return Ok(Fill::Part);
            }
        }
        self.into.end(End::Whole);
        Ok(Fill::Whole)
    }

    fn add(&mut self, block: Block) -> Result<(), SimError> {
        let known = self.keys.ids().len();
        let mut numbers = Vec::new();
        let full = |_| SimError::TooManyKeys(self.path.to_owned());
        self.keys.number(&block.keys, &mut numbers).map_err(full)?;
        let new_keys = self.keys.ids().get(known..).unwrap_or_default().to_vec();
        self.sized |= block.sized;
        self.footprint += first_sizes(&numbers, known, new_keys.len(), &block.sizes);
        let sizes = if self.keep_sizes { block.sizes } else { Vec::new() };
        self.requests += count(numbers.len());
        self.held += count(4 * (numbers.len() + sizes.len()));
        self.into.push(Piece { numbers, new_keys, sizes });
        Ok(())
    }

    /// Requests.
    pub(crate) const fn requests(&self) -> u64 {
        self.requests
    }

    /// Distinct keys.
    pub(crate) fn distinct(&self) -> u64 {
        count(self.keys.ids().len())
    }

    /// Bytes of the distinct keys, each as large as when it was first requested; `None` where the trace has no sizes.
    pub(crate) fn footprint(&self) -> Option<u64> {
        self.sized.then_some(self.footprint)
    }

    /// What is known of the keys, and the requests with their keys, again in blocks: for what cannot hold more.
    #[expect(
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "numbers are handed out by `add`, each below the length of `ids`; u32 fits usize"
    )]
    pub(crate) fn into_blocks(self) -> (Keys, impl Iterator<Item = Block>) {
        let ids = self.keys.into_ids();
        let keys = Keys::of(&ids, self.footprint);
        let sized = self.sized;
        let blocks = self.into.take_pieces().into_iter().map(move |piece| Block {
            keys: piece.numbers.iter().map(|&number| ids[number as usize]).collect(),
            sizes: piece.sizes.clone(),
            sized,
        });
        (keys, blocks)
    }

    /// Memory in use, roughly: what is reserved ahead and not touched costs none.
    fn bytes(&self) -> u64 {
        let keys = self.distinct() * (BYTES_PER_KEY + self.replays * REPLAY_BYTES_PER_KEY);
        self.held + keys + self.keys.bytes()
    }
}

/// What the `new` keys with a number from `known` on weigh, each as large as when it was first requested.
fn first_sizes(numbers: &[u32], known: usize, new: usize, sizes: &[u32]) -> u64 {
    if sizes.is_empty() {
        return count(new);
    }
    let mut next = u32::try_from(known).ok();
    let mut sum = 0;
    for (&number, &size) in numbers.iter().zip(sizes) {
        if next == Some(number) {
            sum += u64::from(size).max(1);
            next = number.checked_add(1);
        }
    }
    sum
}

fn count(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::{AHEAD, Interned, Piece};

    fn piece(number: u32) -> Piece {
        Piece { numbers: vec![number], new_keys: Vec::new(), sizes: Vec::new() }
    }

    #[test]
    fn a_replay_waits_for_what_is_still_being_read() {
        let trace = Interned::default();
        trace.push(piece(0));
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| {
                let mut seen = Vec::new();
                let whole = trace.for_each(|piece| {
                    seen.extend(&piece.numbers);
                    // The next one is pushed by the replay itself: it cannot be there before.
                    if seen.len() < 4 {
                        trace.push(self::piece(seen.last().map_or(0, |last| last + 1)));
                    } else {
                        trace.end(super::End::Whole);
                    }
                    true
                });
                (whole, seen)
            });
            assert_eq!(follower.join().unwrap(), (true, vec![0, 1, 2, 3]));
        });
    }

    #[test]
    fn the_reading_waits_for_the_replays_and_for_none_that_has_ended() {
        let trace = Interned::default();
        let pieces = 10 * AHEAD;
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| {
                let mut seen = 0;
                trace.for_each(|_| {
                    seen += 1;
                    assert!(trace.lock().pieces.len() <= seen + AHEAD);
                    // It ends in the middle; the reading goes on without it.
                    seen < pieces / 2
                })
            });
            while trace.lock().replays == 0 {
                std::thread::yield_now();
            }
            (0..pieces).for_each(|_| trace.push(piece(0)));
            assert!(!follower.join().unwrap());
        });
        assert_eq!(trace.lock().pieces.len(), pieces);
    }

    #[test]
    fn an_abandoned_trace_ends_a_replay_that_waits() {
        let trace = Interned::default();
        std::thread::scope(|scope| {
            let follower = scope.spawn(|| trace.for_each(|_| true));
            trace.abandon();
            assert!(!follower.join().unwrap());
        });
    }
}
