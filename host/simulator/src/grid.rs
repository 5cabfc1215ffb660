//! Many cells over a trace in memory, on all cores.
//!
//! A cell is one job: nothing is shared between two but the trace, so that the rows are the same whatever the number of
//! cores. The largest capacities go first, for they take longest and nothing is left to do beside the last.

use std::cmp::Reverse;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::belady::Belady;
use crate::replay::Replay;

use crate::cell::{Cell, Count};
use crate::interned::Interned;
use crate::observer::Observer;
use crate::{Method, Options, Row};

/// Between two reports of observer.
const REPORT: Duration = Duration::from_millis(100);

/// What the workers share.
struct Work<'a> {
    trace: &'a Interned,
    cells: &'a [Cell],
    options: &'a Options,
    observer: &'a dyn Observer,
    /// Places in `cells`, in the order in which they are done.
    order: Vec<usize>,
    next: AtomicUsize,
    replayed: AtomicU64,
    /// The next use of each request, found by the first cell that needs it.
    belady: OnceLock<Belady>,
}

/// Replays every cell. The rows are in the order of the cells; cells that were not finished have none.
pub(crate) fn run(trace: &Interned, cells: &[Cell], options: &Options, observer: &dyn Observer) -> Vec<Row> {
    let mut order: Vec<usize> = (0..cells.len()).collect();
    order.sort_by_key(|&place| Reverse(cells.get(place).map(|cell| cell.amount)));
    let work = Work {
        trace,
        cells,
        options,
        observer,
        order,
        next: AtomicUsize::new(0),
        replayed: AtomicU64::new(0),
        belady: OnceLock::new(),
    };
    let mut rows: Vec<Option<Row>> = cells.iter().map(|_| None).collect();
    thread::scope(|scope| {
        let (sender, receiver) = channel();
        for _ in 0..threads(cells.len()) {
            let (work, sender) = (&work, sender.clone());
            scope.spawn(move || {
                while let Some(done) = work.one() {
                    if sender.send(done).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        loop {
            match receiver.recv_timeout(REPORT) {
                Ok((place, row)) => {
                    let Row { policy, capacity, miss_ratio, .. } = &row;
                    observer.say(&format!("  {policy} at {capacity}: {:.2} % missed", miss_ratio * 100.0));
                    if let Some(kept) = rows.get_mut(place) {
                        *kept = Some(row);
                    }
                }
                Err(RecvTimeoutError::Timeout) => observer.at(work.replayed.load(Ordering::Relaxed)),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
    });
    rows.into_iter().flatten().collect()
}

/// Threads for so many jobs: one a core that this process may use.
pub(crate) fn threads(jobs: usize) -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(jobs)
}

impl Work<'_> {
    /// Does the next cell; `None` when there is none, or the run was stopped.
    fn one(&self) -> Option<(usize, Row)> {
        let place = *self.order.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        let cell = self.cells.get(place)?;
        let mut count = Count::new(cell.clone(), self.options);
        let sizes = if cell.needs_sizes(self.options) { self.trace.sizes() } else { &[] };
        let fed = |requests| {
            self.replayed.fetch_add(requests, Ordering::Relaxed);
        };
        let numbers = self.trace.numbers();
        let whole = match &cell.method {
            Method::Policy(policy) => {
                let mut replay = Replay::numbered(policy, cell.amount, cell.weigh, self.trace.ids());
                count.feed(numbers, sizes, self.observer, |r, s| replay.feed(r, s), fed)
            }
            Method::Belady => {
                let prepared = self.belady.get_or_init(|| Belady::new(numbers));
                // More than can be addressed is more than there are keys.
                let mut replay = prepared.replay(usize::try_from(cell.amount).unwrap_or(usize::MAX));
                count.feed(numbers, sizes, self.observer, |r, s| replay.feed(r.len(), s), fed)
            }
        };
        whole.then(|| (place, count.row()))
    }
}
