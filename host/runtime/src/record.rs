//! Records a run: its requests, what its ticks showed, and what came of it, into a file ([`host_workload::recording`]).
//!
//! Requests are handed over in buffers, and records as every subscriber to the ledger gets them, so that neither a request nor a tick
//! waits for the disk. A thread of its own compresses and writes. What it has no time for is dropped and counted.

mod file;
mod tap;
mod thread;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread::JoinHandle;

use host_contract::number::to_f64;
use host_control::Registration;
use host_profile::Bytes;
use host_workload::recording::{Component, Header, Request, Writer};

use crate::ledger::Subscription;
use crate::options::Scope;

pub(crate) use file::RecordFile;
pub(crate) use tap::{CLASSES, COMPUTE, REQUEST, RequestTap, Spent, WAIT};
use thread::Wrote;

/// A recording that has begun, of a host that is not started yet.
pub(crate) struct Recorder {
    path: PathBuf,
    writer: Writer<File>,
    tap: Arc<RequestTap>,
    batches: Receiver<Vec<Request>>,
}

impl Recorder {
    fn new(path: PathBuf, writer: Writer<File>) -> Self {
        let (tap, batches) = RequestTap::new();
        Self { path, writer, tap: Arc::new(tap), batches }
    }

    /// Where requests are noted.
    pub(crate) fn tap(&self) -> Arc<RequestTap> {
        Arc::clone(&self.tap)
    }

    /// Writes what is noted from now on, and these records of the ledger.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn follow(self, records: Subscription) -> std::io::Result<Recording> {
        let Self { path, writer, tap, batches } = self;
        let ended = Arc::new(AtomicBool::new(false));
        let (noted, end) = (Arc::clone(&tap), Arc::clone(&ended));
        let builder = std::thread::Builder::new().name("recording".to_owned());
        let thread = builder.spawn(move || thread::write(writer, &noted, &batches, records, &end))?;
        Ok(Recording { path, ended, thread })
    }
}

/// A recording that is being written.
pub(crate) struct Recording {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    thread: JoinHandle<Wrote>,
}

impl Recording {
    /// Writes what is left, when the host has ended. Says what was recorded, and what was not.
    pub(crate) fn finish(self) -> Vec<String> {
        self.ended.store(true, Ordering::Release);
        let path = self.path.display();
        let Ok(Wrote { totals, ticks, error }) = self.thread.join() else {
            return vec![format!(
                "{path}: the recording is not whole: what wrote it has panicked; please report it"
            )];
        };
        if let Some(error) = error {
            return vec![format!(
                "{path}: the recording is not whole: {error}; it can be read to its last whole block"
            )];
        }
        let bytes = std::fs::metadata(&self.path).map_or(0, |about| about.len());
        let each = if totals.requests > 0 { to_f64(bytes) / to_f64(totals.requests) } else { 0.0 };
        let mut notes = vec![format!(
            "recorded {} requests and {ticks} ticks in {path}: {}, {each:.1} bytes a request",
            totals.requests,
            Bytes(bytes)
        )];
        if totals.dropped > 0 {
            let dropped = totals.dropped;
            notes.push(format!(
                "{dropped} requests are not in the recording: what writes it had no time for them"
            ));
        }
        if totals.lost > 0 {
            let lost = totals.lost;
            notes.push(format!(
                "{lost} records of the ledger are not in the recording: what writes it had no time for them, and a replay differs there"
            ));
        }
        notes
    }
}

/// Which run it is.
pub(crate) fn header(scope: &Scope, registrations: &[Registration], learnt: Vec<String>) -> Header {
    let component = |of: &Registration| {
        let identity = of.identity();
        let [name, version, digest] = [&identity.name, &identity.version, &identity.digest].map(Clone::clone);
        Component { name, version, digest }
    };
    Header {
        host: env!("CARGO_PKG_VERSION").to_owned(),
        profile: scope.settings.profile.clone(),
        settings: scope.settings.portable().to_vec(),
        workload: scope.workload.clone(),
        about: scope.run,
        capacity: scope.capacity,
        mean_weight: scope.mean_weight,
        entry_bytes: scope.entry_bytes,
        classes: CLASSES.map(str::to_owned).to_vec(),
        strategies: registrations.iter().map(component).collect(),
        learnt,
    }
}
