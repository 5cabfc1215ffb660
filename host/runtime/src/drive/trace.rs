//! Replays a recorded trace against a live cache.

use std::sync::Arc;

use hashbrown::HashMap;
use host_simulator::Capacity;
use host_workload::analysis::FirstAppearance;
use host_workload::trace::{KeyForm, TraceError, TraceReader};

use super::Drive;
use crate::key::Key;
use crate::origin::Sizes;
use crate::progress::{Progress, Stop};
use crate::report::Phase;

const BATCH: usize = 4_096;

const FIRST_APPEARANCE: &str = "the keys are numbered in the order of their first requests, so that the next new key is \
    always the next number: what prefetching gains by that need not be real (--hash-keys hides it)";

/// What a first reading of a trace says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Footprint {
    pub(crate) requests: u64,
    /// Size of each object, bytes: what the trace says last, else what stands in for it.
    pub(crate) sizes: Arc<HashMap<u64, u32>>,
    /// Sum of the sizes.
    pub(crate) bytes: u64,
    /// Whether keys keep an order, so that the distance between two means something.
    pub(crate) keys_ordered: bool,
    /// What a user has to know of the keys.
    pub(crate) notes: Vec<String>,
}

impl Footprint {
    /// Reads the trace once. An object whose size is not given counts as `object_size` bytes.
    pub(crate) fn read(
        mut trace: TraceReader,
        object_size: u32,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Self, TraceError> {
        progress.begin("reading the trace", None);
        let mut sizes: HashMap<u64, u32> = HashMap::default();
        let mut requests = 0_u64;
        let mut first_appearance = FirstAppearance::default();
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            let read = trace.read_batch(&mut batch, BATCH)?;
            if read == 0 || stop.asked() {
                break;
            }
            requests += u64::try_from(read).unwrap_or(0);
            for request in &batch {
                let size = if request.size > 0 { request.size } else { object_size };
                if sizes.insert(request.key, size).is_none() {
                    first_appearance.note(Some(request.key));
                }
            }
            progress.at(requests);
        }
        let bytes = sizes.values().map(|size| u64::from(*size)).sum();
        progress.end(&format!("{requests} requests, {} distinct keys", sizes.len()));
        let mut notes = Vec::new();
        let keys_ordered = trace.keys().form == KeyForm::Ordered;
        if keys_ordered && first_appearance.is_likely() {
            notes.push(FIRST_APPEARANCE.to_owned());
        }
        if trace.unordered() > 0 {
            notes.push(format!(
                "{} requests have keys that are no number below 2^53: they are hashed and have no place in the order",
                trace.unordered()
            ));
        }
        Ok(Self { requests, sizes: Arc::new(sizes), bytes, keys_ordered, notes })
    }

    pub(crate) fn distinct(&self) -> u64 {
        u64::try_from(self.sizes.len()).unwrap_or(u64::MAX)
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

impl Sizes for Arc<HashMap<u64, u32>> {
    fn size(&self, key: u64) -> Option<u32> {
        self.get(&key).copied()
    }
}

/// Submits every request of the trace in order.
pub(crate) async fn drive(
    drive: &Drive<'_>,
    mut trace: TraceReader,
    requests: u64,
) -> Result<Vec<Phase>, TraceError> {
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
