//! The thread that compresses and writes.
//!
//! What had ended before a tick is written before the records of that tick: so a reader that goes through the file has the requests of
//! a tick when it comes to it, and holds no more than some blocks of them.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use host_contract::snapshot::Accesses;
use host_control::ledger::{Record, Requests};
use host_workload::recording::{MOST_REQUESTS, Request, Totals, Writer};
use tokio::sync::broadcast::error::TryRecvError;

use super::RequestTap;
use crate::ledger::Subscription;

/// How often it looks for records while no requests come.
const LOOK: Duration = Duration::from_millis(20);

/// Records are sealed when they are so many bytes, or after so long: what a run that is killed loses.
const LINES: usize = 256 << 10;
const AGE: Duration = Duration::from_secs(1);

/// What was written.
#[derive(Debug)]
pub(super) struct Wrote {
    pub(super) totals: Totals,
    pub(super) ticks: u64,
    /// Why the file is not whole, where it is not.
    pub(super) error: Option<io::Error>,
}

/// Writes until `ended`, and then what is left.
pub(super) fn write(
    writer: Writer<File>,
    tap: &RequestTap,
    batches: &Receiver<Vec<Request>>,
    mut records: Subscription,
    ended: &AtomicBool,
) -> Wrote {
    let mut writing = Writing {
        writer,
        requests: Vec::new(),
        lines: Vec::new(),
        sealed: Instant::now(),
        accesses: Arc::default(),
        ticks: 0,
        lost: 0,
    };
    let mut done = || loop {
        // Before it looks: what came until then is there.
        let last = ended.load(Ordering::Acquire);
        match batches.recv_timeout(if last { Duration::ZERO } else { LOOK }) {
            Ok(batch) => writing.requests.extend(batch),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
        }
        writing.take(tap, batches, &mut records)?;
        if last {
            tap.drain(&mut writing.requests);
            return writing.seal();
        }
        if writing.requests.len() >= MOST_REQUESTS {
            writing.requests()?;
        }
        if writing.lines.len() >= LINES || (!writing.lines.is_empty() && writing.sealed.elapsed() >= AGE) {
            writing.seal()?;
        }
    };
    let result: io::Result<()> = done();
    let Writing { writer, ticks, lost, .. } = writing;
    let missing = Totals { dropped: tap.dropped(), lost, ..Totals::default() };
    let mut totals = writer.totals();
    (totals.dropped, totals.lost) = (missing.dropped, totals.lost + missing.lost);
    let error = result.and_then(|()| writer.finish(missing).map(drop)).err();
    Wrote { totals, ticks, error }
}

struct Writing {
    writer: Writer<File>,
    requests: Vec<Request>,
    /// Records, as the ledger has them.
    lines: Vec<u8>,
    sealed: Instant,
    /// What the last tick showed.
    accesses: Arc<Accesses>,
    ticks: u64,
    lost: u64,
}

impl Writing {
    /// Takes what records there are.
    fn take(
        &mut self,
        tap: &RequestTap,
        batches: &Receiver<Vec<Request>>,
        records: &mut Subscription,
    ) -> io::Result<()> {
        let mut ticked = false;
        loop {
            let record = match records.try_recv() {
                Ok(record) => record,
                Err(TryRecvError::Lagged(lost)) => {
                    self.lost = self.lost.saturating_add(lost);
                    continue;
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            };
            match &*record {
                Record::Tick(snapshot) => {
                    self.ticks += 1;
                    ticked = true;
                    let shown = Requests::between(&self.accesses, &snapshot.accesses, snapshot.tick);
                    self.accesses = Arc::clone(&snapshot.accesses);
                    self.line(&Record::Requests(shown))?;
                }
                // The same once more, where the profile wants it on the ledger.
                Record::Requests(_) => continue,
                _ => {}
            }
            self.line(&record)?;
        }
        if ticked {
            self.requests.extend(batches.try_iter().flatten());
            tap.drain(&mut self.requests);
        }
        Ok(())
    }

    fn line(&mut self, record: &Record) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, record)?;
        self.lines.push(b'\n');
        Ok(())
    }

    /// Writes the requests, by the time of their arrival.
    fn requests(&mut self) -> io::Result<()> {
        self.requests.sort_by_key(|request| request.at_us);
        self.writer.requests(&self.requests)?;
        self.requests.clear();
        Ok(())
    }

    /// Writes all that there is.
    fn seal(&mut self) -> io::Result<()> {
        self.requests()?;
        self.sealed = Instant::now();
        let lines = std::mem::take(&mut self.lines);
        let lines = String::from_utf8(lines).map_err(io::Error::other)?;
        self.writer.records(&lines)
    }
}
