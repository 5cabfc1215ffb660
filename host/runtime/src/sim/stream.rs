//! Cells fed while the trace is read: nothing is kept of a request that was replayed.
//!
//! The thread that calls hands each block to every worker and counts distinct keys meanwhile; each worker has its cells.
//! A queue that is full waits, so that the slowest worker sets the pace and a few blocks are all that is held.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use host_cache::PolicyKind;
use host_cache::replay::Replay;
use host_workload::trace::TraceError;

use super::blocks::Block;
use super::cell::{Cell, Count};
use super::distinct::Distinct;
use super::grid::threads;
use super::{Options, Row};
use crate::progress::{Progress, Stop};

/// Blocks that wait for a worker.
const WAITING: usize = 8;

/// What came of it.
pub(super) struct Streamed {
    pub(super) requests: u64,
    pub(super) distinct: Distinct,
    /// Bytes of the distinct keys; `None` where the trace has no sizes, or more keys than are told apart.
    pub(super) footprint: Option<u64>,
    pub(super) sized: bool,
    /// The rows, in the order of the cells; none when it was stopped.
    pub(super) rows: Vec<Row>,
}

/// A cell with its cache.
struct Running {
    place: usize,
    replay: Replay<'static, u64>,
    count: Count,
    needs_sizes: bool,
}

/// Replays the cells, each a policy, over the blocks.
pub(super) fn run(
    blocks: impl Iterator<Item = Result<Block, TraceError>>,
    cells: &[(PolicyKind, Cell)],
    options: &Options,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Streamed, TraceError> {
    let mut came = Streamed {
        requests: 0,
        distinct: Distinct::new(),
        footprint: Some(0),
        sized: false,
        rows: Vec::new(),
    };
    let workers = threads(cells.len());
    thread::scope(|scope| {
        let mut queues: Vec<SyncSender<Arc<Block>>> = Vec::new();
        let mut working = Vec::new();
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(WAITING);
            let mine = cells.iter().enumerate().skip(worker).step_by(workers);
            let mine: Vec<Running> = mine.map(|(place, cell)| Running::new(place, cell, options)).collect();
            queues.push(sender);
            working.push(scope.spawn(move || work(&receiver, mine, stop)));
        }
        for block in blocks {
            let block = Arc::new(block?);
            // A worker ends before its queue does only when it is stopped.
            if stop.asked() || queues.iter().any(|queue| queue.send(Arc::clone(&block)).is_err()) {
                break;
            }
            came.note(&block);
            progress.at(came.requests);
        }
        drop(queues);
        let done = working.into_iter().flat_map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let mut done: Vec<Running> = done.collect();
        if !stop.asked() {
            done.sort_by_key(|running| running.place);
            came.rows = done.into_iter().map(|running| running.count.row()).collect();
        }
        Ok(came)
    })
}

fn work(blocks: &Receiver<Arc<Block>>, mut cells: Vec<Running>, stop: &Stop) -> Vec<Running> {
    for block in blocks {
        for Running { replay, count, needs_sizes, .. } in &mut cells {
            let sizes = if *needs_sizes { block.sizes.as_slice() } else { &[] };
            if !count.feed(&block.keys, sizes, stop, |r, s| replay.feed(r, s), |_| ()) {
                return cells;
            }
        }
    }
    cells
}

impl Running {
    fn new(place: usize, (kind, cell): &(PolicyKind, Cell), options: &Options) -> Self {
        Self {
            place,
            replay: Replay::hashed(*kind, cell.amount, cell.weigh),
            count: Count::new(*cell, options),
            needs_sizes: cell.needs_sizes(options),
        }
    }
}

impl Streamed {
    fn note(&mut self, block: &Block) {
        self.requests += u64::try_from(block.keys.len()).unwrap_or(u64::MAX);
        self.sized |= !block.sizes.is_empty();
        let mut sizes = block.sizes.iter();
        for &key in &block.keys {
            let size = sizes.next().map_or(1, |&size| u64::from(size).max(1));
            if self.distinct.add(key) {
                self.footprint = self.footprint.map(|bytes| bytes + size);
            }
        }
        if !self.distinct.is_exact() {
            self.footprint = None;
        }
    }
}
