//! Cells fed while the trace is read: no request is kept after its replay.
//!
//! The calling thread counts the keys of each block and hands it to every worker; each worker has its cells. A replay
//! finds its entries by hash, in memory bounded by its residents. A full queue waits, so that a few blocks are all that
//! is held.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::error::SimError;
use crate::replay::{PolicyFault, Replay};
use host_policy::PolicyFactory;
use host_workload::trace::TraceError;

use crate::blocks::Block;
use crate::cell::{Cell, Count};
use crate::grid::threads;
use crate::keys::Keys;
use crate::observer::Observer;
use crate::{Options, Row};

/// Blocks that wait for a worker.
const WAITING: usize = 8;

/// The result.
pub(crate) struct Streamed {
    pub(crate) requests: u64,
    pub(crate) keys: Keys,
    /// Whether the trace has sizes.
    pub(crate) sized: bool,
    /// The rows, in the order of the cells; none when it was stopped.
    pub(crate) rows: Vec<Row>,
}

/// A cell with its cache.
struct Running {
    place: usize,
    replay: Replay<u64>,
    count: Count,
    needs_sizes: bool,
    /// The policy failed.
    fault: Option<SimError>,
}

/// Replays the cells, each a policy, over the blocks. Some of their `keys` may be known.
pub(crate) fn run(
    blocks: impl Iterator<Item = Result<Block, TraceError>>,
    keys: Keys,
    cells: &[(PolicyFactory, Cell)],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Streamed, SimError> {
    let mut streamed = Streamed { requests: 0, keys, sized: false, rows: Vec::new() };
    let workers = threads(cells.len());
    thread::scope(|scope| {
        let mut queues: Vec<SyncSender<Arc<Block>>> = Vec::new();
        let mut working = Vec::new();
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(WAITING);
            let mine = cells.iter().enumerate().skip(worker).step_by(workers);
            let mine: Vec<Running> = mine.map(|(place, cell)| Running::new(place, cell, options)).collect();
            queues.push(sender);
            working.push(scope.spawn(move || work(&receiver, mine, observer)));
        }
        for block in blocks {
            let block = Arc::new(block?);
            streamed.count(&block);
            // A worker ends before its queue does only when it is stopped.
            if observer.stopped() || queues.iter().any(|queue| queue.send(Arc::clone(&block)).is_err()) {
                break;
            }
            observer.at(streamed.requests);
        }
        drop(queues);
        let done = working.into_iter().flat_map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        let mut done: Vec<Running> = done.collect();
        if let Some(fault) = done.iter_mut().find_map(|running| running.fault.take()) {
            return Err(fault);
        }
        if !observer.stopped() {
            done.sort_by_key(|running| running.place);
            streamed.rows = done.into_iter().map(|running| running.count.row()).collect();
        }
        Ok(streamed)
    })
}

fn work(blocks: &Receiver<Arc<Block>>, mut cells: Vec<Running>, observer: &dyn Observer) -> Vec<Running> {
    for block in blocks {
        if !cells.iter_mut().all(|cell| cell.feed(&block, observer)) {
            break;
        }
    }
    cells
}

impl Running {
    fn new(place: usize, (policy, cell): &(PolicyFactory, Cell), options: &Options) -> Self {
        Self {
            place,
            replay: Replay::hashed(policy, cell.amount, cell.weigh),
            count: Count::new(cell.clone(), options),
            needs_sizes: cell.needs_sizes(options),
            fault: None,
        }
    }

    /// Replays a block; false when it was stopped before the end, or the policy failed.
    fn feed(&mut self, block: &Block, observer: &dyn Observer) -> bool {
        let sizes = if self.needs_sizes { block.sizes.as_slice() } else { &[] };
        let replay = &mut self.replay;
        let fed = self.count.feed(&block.keys, sizes, observer, |r, s| replay.feed(r, s), |_| ());
        fed.unwrap_or_else(|PolicyFault(reason)| {
            self.fault = Some(SimError::Policy { policy: self.count.policy(), reason });
            false
        })
    }
}

impl Streamed {
    fn count(&mut self, block: &Block) {
        self.requests += u64::try_from(block.keys.len()).unwrap_or(u64::MAX);
        self.sized |= block.sized;
        self.keys.count(block);
    }
}
