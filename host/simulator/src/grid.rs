//! Many cells over a trace in memory, on all cores.
//!
//! A cell is one job: nothing is shared between two but the trace, so that the rows are the same whatever the number of
//! cores. The largest capacities go first, for they take longest and nothing is left to do beside the last. Jobs start
//! while the trace is still being read; what is not there yet is waited for.

use std::cmp::Reverse;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Scope};
use std::time::Duration;

use crate::belady::{Belady, Preparation};
use crate::error::SimError;
use crate::replay::{PolicyFault, Replay};

use crate::cell::{Cell, Count};
use crate::interned::Interned;
use crate::observer::Observer;
use crate::{Method, Options, Row};

/// Between two reports of progress.
const REPORT: Duration = Duration::from_millis(100);

/// Cells whose workers run.
pub(crate) struct Grid<'a> {
    work: Arc<Work<'a>>,
    done: Receiver<(usize, Result<Row, SimError>)>,
}

/// What the workers share.
struct Work<'a> {
    trace: &'a Interned,
    cells: Vec<Cell>,
    options: &'a Options,
    observer: &'a dyn Observer,
    /// Places in `cells`, in the order in which they are done.
    order: Vec<usize>,
    next: AtomicUsize,
    replayed: AtomicU64,
    /// A cell failed: the others are not begun.
    failed: AtomicBool,
    /// The next use of each request, found by the first cell that needs it; `None` when it was stopped.
    belady: OnceLock<Option<Belady>>,
}

/// Threads for so many jobs: one a core that this process may use.
pub(crate) fn threads(jobs: usize) -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(jobs)
}

impl<'a> Grid<'a> {
    /// Starts the workers in the scope. The trace may still be read; it has to be ended or abandoned before the scope ends.
    pub(crate) fn start<'scope>(
        scope: &'scope Scope<'scope, 'a>,
        trace: &'a Interned,
        cells: Vec<Cell>,
        options: &'a Options,
        observer: &'a dyn Observer,
    ) -> Self {
        let mut order: Vec<usize> = (0..cells.len()).collect();
        order.sort_by_key(|&place| Reverse(cells.get(place).map(|cell| cell.amount)));
        // Room for every row: no worker waits for somebody to take one.
        let (sender, done) = sync_channel(cells.len());
        let workers = threads(cells.len());
        let next = AtomicUsize::new(0);
        let replayed = AtomicU64::new(0);
        let (failed, belady) = (AtomicBool::new(false), OnceLock::new());
        let work = Arc::new(Work { trace, cells, options, observer, order, next, replayed, failed, belady });
        for _ in 0..workers {
            let (work, sender) = (Arc::clone(&work), sender.clone());
            scope.spawn(move || work.all(&sender));
        }
        Self { work, done }
    }

    /// Waits for the rows. They are in the order of the cells; cells that were not finished have none.
    ///
    /// # Errors
    /// [`SimError::Policy`]: a policy failed.
    pub(crate) fn finish(self) -> Result<Vec<Row>, SimError> {
        let observer = self.work.observer;
        let mut rows: Vec<Option<Row>> = self.work.cells.iter().map(|_| None).collect();
        loop {
            match self.done.recv_timeout(REPORT) {
                Ok((place, row)) => {
                    let row = row?;
                    let Row { policy, capacity, miss_ratio, .. } = &row;
                    observer.say(&format!("  {policy} at {capacity}: {:.2} % missed", miss_ratio * 100.0));
                    if let Some(kept) = rows.get_mut(place) {
                        *kept = Some(row);
                    }
                }
                Err(RecvTimeoutError::Timeout) => observer.at(self.work.replayed.load(Ordering::Relaxed)),
                Err(RecvTimeoutError::Disconnected) => return Ok(rows.into_iter().flatten().collect()),
            }
        }
    }
}

impl Work<'_> {
    /// Does cells until there are none.
    fn all(&self, done: &SyncSender<(usize, Result<Row, SimError>)>) {
        while let Some((place, row)) = self.one() {
            let row = row.map_err(|PolicyFault(reason)| {
                self.failed.store(true, Ordering::Relaxed);
                let policy = self.cells.get(place).map_or_else(String::new, |cell| cell.method.to_string());
                SimError::Policy { policy, reason }
            });
            if done.send((place, row)).is_err() {
                return;
            }
        }
    }

    /// Does the next cell; `None` when there is none, or the run was stopped.
    fn one(&self) -> Option<(usize, Result<Row, PolicyFault>)> {
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        let place = *self.order.get(self.next.fetch_add(1, Ordering::Relaxed))?;
        let cell = self.cells.get(place)?;
        let mut count = Count::new(cell.clone(), self.options);
        let fed = |requests| {
            self.replayed.fetch_add(requests, Ordering::Relaxed);
        };
        let needs_sizes = cell.needs_sizes(self.options);
        let mut fault = None;
        let mut goes_on = |fed: Result<bool, PolicyFault>| {
            fed.unwrap_or_else(|failed| {
                fault = Some(failed);
                false
            })
        };
        let whole = match &cell.method {
            Method::Policy(policy) => {
                let mut replay = Replay::numbered(policy, cell.amount, cell.weigh);
                self.trace.for_each(|piece| {
                    replay.learn(&piece.new_keys);
                    let feed = |r: &[u32], s: &[u32]| replay.feed(r, s);
                    goes_on(count.feed(&piece.numbers, piece.sizes(needs_sizes), self.observer, feed, fed))
                })
            }
            Method::Belady => {
                let prepared = self.belady.get_or_init(|| self.prepare()).as_ref()?;
                // More than can be addressed is more than there are keys.
                let mut replay = prepared.replay(usize::try_from(cell.amount).unwrap_or(usize::MAX));
                self.trace.for_each(|piece| {
                    let feed = |r: &[u32], s: &[u32]| Ok(replay.feed(r.len(), s));
                    goes_on(count.feed(&piece.numbers, piece.sizes(needs_sizes), self.observer, feed, fed))
                })
            }
        };
        match fault {
            Some(fault) => Some((place, Err(fault))),
            None => whole.then(|| (place, Ok(count.row()))),
        }
    }

    /// Finds the next use of every request; `None` when it was stopped.
    fn prepare(&self) -> Option<Belady> {
        let mut preparation = Preparation::default();
        let whole = self.trace.for_each(|piece| {
            preparation.extend(&piece.numbers);
            !self.observer.stopped()
        });
        whole.then(|| preparation.end())
    }
}
