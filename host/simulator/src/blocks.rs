//! A trace in blocks, read and decoded by a thread of its own.
//!
//! Reading, decompressing and hashing cost about as much as what is done with the requests, so the two overlap.
//! A few blocks are under way at most, whatever the length of the trace. When the blocks are dropped the thread ends
//! with the block it is at.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use host_workload::trace::{Request, TraceError, TraceReader};

/// Requests of a block: large enough that handing it over costs nothing, small enough for a second-level cache.
pub(crate) const BLOCK: usize = 16_384;

/// Blocks under way.
const UNDER_WAY: usize = 8;

/// Consecutive requests.
pub(crate) struct Block {
    /// Hash of the key of each.
    pub(crate) keys: Vec<u64>,
    /// Size of each, 0 where the trace does not say. Empty where it says none and none is wanted.
    pub(crate) sizes: Vec<u32>,
    /// Whether the trace gives a size of one of them.
    pub(crate) sized: bool,
}

/// Reads the trace to its end in a thread of the scope, which then hands the reader back. An error is the last thing
/// received. `sizes` says whether they are wanted.
pub(crate) fn read<'scope>(
    scope: &'scope Scope<'scope, '_>,
    trace: TraceReader,
    sizes: bool,
) -> (Receiver<Result<Block, TraceError>>, ScopedJoinHandle<'scope, TraceReader>) {
    let (sender, receiver) = sync_channel(UNDER_WAY);
    (receiver, scope.spawn(move || send(trace, sizes, &sender)))
}

fn send(mut trace: TraceReader, sizes: bool, sender: &SyncSender<Result<Block, TraceError>>) -> TraceReader {
    let mut requests: Vec<Request> = Vec::with_capacity(BLOCK);
    loop {
        requests.clear();
        let block = match trace.read_batch(&mut requests, BLOCK) {
            Ok(0) => return trace,
            Ok(_) => Ok(Block::new(&requests, sizes)),
            Err(error) => Err(error),
        };
        // Nobody receives: the run was interrupted, or failed.
        if sender.send(block).is_err() {
            return trace;
        }
    }
}

impl Block {
    fn new(requests: &[Request], wanted: bool) -> Self {
        let keys = requests.iter().map(|request| request.key).collect();
        let sized = requests.iter().any(|request| request.size > 0);
        let sizes =
            if sized || wanted { requests.iter().map(|request| request.size).collect() } else { Vec::new() };
        Self { keys, sizes, sized }
    }
}
