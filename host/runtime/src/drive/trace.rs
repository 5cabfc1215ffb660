//! Replays a recorded trace against a live cache.

use std::path::Path;
use std::sync::Arc;

use host_simulator::{Capacity, MemoryLimit, NumberedTrace, Observer, SimError};
use host_workload::trace::{KeyForm, Options, TraceError, TraceReader};

use super::Drive;
use crate::key::Key;
use crate::origin::Sizes;
use crate::progress::{Progress, Stop};
use crate::report::Phase;

const BATCH: usize = 4_096;

const FIRST_APPEARANCE: &str = "the keys are numbered in the order of their first requests, so that the next new key is \
    always the next number: what prefetching gains by that need not be real (--hash-keys hides it)";

/// What a first reading of a trace says.
#[derive(Debug)]
pub(crate) struct Footprint {
    /// The objects, and the requests where they are held.
    pub(crate) trace: Arc<NumberedTrace>,
    /// Sum of the sizes of the objects.
    pub(crate) bytes: u64,
    /// Whether keys keep an order, so that the distance between two means something.
    pub(crate) keys_ordered: bool,
    /// What a user has to know of the keys.
    pub(crate) notes: Vec<String>,
}

impl Footprint {
    /// Reads the trace once. An object whose size is not given counts as `object_size` bytes. The requests are held in
    /// `memory`, beside so many `replays` that will run at a time, if they fit.
    pub(crate) fn read(
        (path, options): (&Path, &Options),
        object_size: u32,
        (memory, replays): (MemoryLimit, u64),
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Self, SimError> {
        let watched = Watched { progress, stop };
        let trace = NumberedTrace::read(path, options, object_size, memory, replays, &watched)?;
        let mut notes = Vec::new();
        let keys_ordered = trace.form() == KeyForm::Ordered;
        if keys_ordered && trace.first_appearance() {
            notes.push(FIRST_APPEARANCE.to_owned());
        }
        if trace.unordered() > 0 {
            notes.push(format!(
                "{} requests have keys that are no number below 2^53: they are hashed and have no place in the order",
                trace.unordered()
            ));
        }
        Ok(Self { bytes: trace.bytes(), trace: Arc::new(trace), keys_ordered, notes })
    }

    pub(crate) fn requests(&self) -> u64 {
        self.trace.requests()
    }

    pub(crate) fn distinct(&self) -> u64 {
        self.trace.distinct()
    }

    /// A capacity in bytes, or in objects where every object counts as one.
    pub(crate) fn capacity(&self, asked: Capacity, objects: bool) -> u64 {
        let (distinct, mean) = (self.distinct().max(1), self.mean_size());
        match (asked, objects) {
            (Capacity::Bytes(bytes), false) => bytes,
            (Capacity::Bytes(bytes), true) => (bytes / mean).max(1),
            (asked, true) => asked.resolve(distinct),
            (asked, false) => {
                let bytes =
                    u128::from(self.bytes) * u128::from(asked.resolve(distinct)) / u128::from(distinct);
                u64::try_from(bytes).unwrap_or(u64::MAX).max(1)
            }
        }
    }

    /// Mean size of an object, bytes, at least 1.
    pub(crate) fn mean_size(&self) -> u64 {
        (self.bytes / self.distinct().max(1)).max(1)
    }
}

/// The progress of a run, as the simulator tells it.
struct Watched<'a> {
    progress: &'a dyn Progress,
    stop: &'a Stop,
}

impl Observer for Watched<'_> {
    fn begin(&self, phase: &str, total: Option<u64>) {
        self.progress.begin(phase, total);
    }

    fn at(&self, done: u64) {
        self.progress.at(done);
    }

    fn end(&self, summary: &str) {
        self.progress.end(summary);
    }

    fn stopped(&self) -> bool {
        self.stop.asked()
    }
}

impl Sizes for Arc<NumberedTrace> {
    fn size(&self, key: u64) -> Option<u32> {
        NumberedTrace::size(self, key)
    }
}

/// Submits every request of the trace in order.
pub(crate) async fn drive(
    drive: &Drive<'_>,
    mut trace: TraceReader,
    requests: u64,
) -> Result<Vec<Phase>, TraceError> {
    drive.warm_up(|_| None).await;
    let before = drive.begin("trace", Some(requests));
    let mut batch = Vec::with_capacity(BATCH);
    let mut done = 0;
    'trace: loop {
        batch.clear();
        if trace.read_batch(&mut batch, BATCH)? == 0 {
            break;
        }
        for request in &batch {
            if !drive.goes_on(done) {
                break 'trace;
            }
            let client = drive.client().await;
            let live = Arc::clone(&drive.live);
            let arrived = live.arrive(Key::Number(request.key));
            drive.io(client, async move { live.serve(arrived).await }).await;
            done += 1;
        }
    }
    Ok(vec![drive.end(before).await])
}
