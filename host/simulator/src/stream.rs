//! Cells fed while the trace is read: nothing is kept of a request that was replayed.
//!
//! The thread that calls takes note of the keys of each block and hands it to every worker; each worker has its cells.
//! While it numbers the keys, a replay finds its entries by number; when the table of keys grows too large it goes on by
//! hash, in memory bounded by its residents.
//! A queue that is full waits, so that the slowest worker sets the pace and a few blocks are all that is held.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::replay::Replay;
use host_policy::PolicyFactory;
use host_workload::trace::TraceError;

use crate::blocks::Block;
use crate::cell::{Cell, Count};
use crate::grid::threads;
use crate::keys::{Keys, Numbered, Numbers};
use crate::observer::Observer;
use crate::{Options, Row};

/// Blocks that wait for a worker.
const WAITING: usize = 8;

/// What came of it.
pub(crate) struct Streamed {
    pub(crate) requests: u64,
    pub(crate) keys: Keys,
    /// Whether the trace has sizes.
    pub(crate) sized: bool,
    /// The rows, in the order of the cells; none when it was stopped.
    pub(crate) rows: Vec<Row>,
}

/// What a worker is handed.
struct Piece {
    block: Block,
    numbers: Option<Numbers>,
}

/// A cell with its cache.
struct Running {
    place: usize,
    /// By number until a block comes without numbers.
    by_number: Option<Replay<'static, u32>>,
    by_hash: Option<Replay<'static, u64>>,
    count: Count,
    needs_sizes: bool,
}

/// Replays the cells, each a policy, over the blocks. Their keys are numbered where that is given, and as long as it can.
pub(crate) fn run(
    blocks: impl Iterator<Item = Result<Block, TraceError>>,
    numbered: Option<Numbered>,
    cells: &[(PolicyFactory, Cell)],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Streamed, TraceError> {
    let by_number = numbered.is_some();
    let mut came = Streamed { requests: 0, keys: Keys::new(numbered), sized: false, rows: Vec::new() };
    let workers = threads(cells.len());
    thread::scope(|scope| {
        let mut queues: Vec<SyncSender<Arc<Piece>>> = Vec::new();
        let mut working = Vec::new();
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(WAITING);
            let mine = cells.iter().enumerate().skip(worker).step_by(workers);
            let mine: Vec<Running> =
                mine.map(|(place, cell)| Running::new(place, cell, by_number, options)).collect();
            queues.push(sender);
            working.push(scope.spawn(move || work(&receiver, mine, observer)));
        }
        for block in blocks {
            let block = block?;
            let piece = Arc::new(Piece { numbers: came.note(&block), block });
            // A worker ends before its queue does only when it is stopped.
            if observer.stopped() || queues.iter().any(|queue| queue.send(Arc::clone(&piece)).is_err()) {
                break;
            }
            observer.at(came.requests);
        }
        drop(queues);
        let done = working.into_iter().flat_map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let mut done: Vec<Running> = done.collect();
        if !observer.stopped() {
            done.sort_by_key(|running| running.place);
            came.rows = done.into_iter().map(|running| running.count.row()).collect();
        }
        Ok(came)
    })
}

fn work(pieces: &Receiver<Arc<Piece>>, mut cells: Vec<Running>, observer: &dyn Observer) -> Vec<Running> {
    for piece in pieces {
        if !cells.iter_mut().all(|cell| cell.feed(&piece, observer)) {
            break;
        }
    }
    cells
}

impl Running {
    fn new(place: usize, (policy, cell): &(PolicyFactory, Cell), by_number: bool, options: &Options) -> Self {
        Self {
            place,
            by_number: by_number.then(|| Replay::growing(policy, cell.amount, cell.weigh)),
            by_hash: (!by_number).then(|| Replay::hashed(policy, cell.amount, cell.weigh)),
            count: Count::new(cell.clone(), options),
            needs_sizes: cell.needs_sizes(options),
        }
    }

    /// Replays a piece; false when it was stopped before the end.
    fn feed(&mut self, Piece { block, numbers }: &Piece, observer: &dyn Observer) -> bool {
        let sizes = if self.needs_sizes { block.sizes.as_slice() } else { &[] };
        if let (Some(replay), Some(Numbers { numbers, fresh })) = (&mut self.by_number, numbers) {
            replay.learn(fresh);
            return self.count.feed(numbers, sizes, observer, |r, s| replay.feed(r, s), |_| ());
        }
        if let Some(replay) = self.by_number.take() {
            self.by_hash = Some(replay.into_hashed());
        }
        // One of the two is always there.
        self.by_hash.as_mut().is_some_and(|replay| {
            self.count.feed(&block.keys, sizes, observer, |r, s| replay.feed(r, s), |_| ())
        })
    }
}

impl Streamed {
    fn note(&mut self, block: &Block) -> Option<Numbers> {
        self.requests += u64::try_from(block.keys.len()).unwrap_or(u64::MAX);
        self.sized |= !block.sizes.is_empty();
        self.keys.note(block)
    }
}
