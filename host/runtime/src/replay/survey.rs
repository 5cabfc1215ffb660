//! What the simulated cache has to know of a recording before its first request: how much there is, and what the objects weigh.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use ahash::RandomState;
use host_contract::number::to_f64;
use host_workload::recording::{Outcome, Piece, Reader};

use super::ReplayError;
use crate::progress::Stop;
use crate::wiring::fixed_hasher;

/// Objects whose weight is kept: others are never prefetched in a replay.
const MOST_OBJECTS: usize = 1 << 24;

/// What a recording holds.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) requests: u64,
    /// Weight of each object, as it was last.
    pub(super) sizes: HashMap<u64, u32, RandomState>,
    /// What serving a request took on average that had to load, and one that had not.
    pub(super) load: Duration,
    pub(super) hit: Duration,
}

/// A mean.
#[derive(Debug, Default)]
struct Mean {
    sum_us: u64,
    count: u64,
}

impl Mean {
    fn add(&mut self, us: u32) {
        self.sum_us = self.sum_us.saturating_add(u64::from(us));
        self.count += 1;
    }

    fn time(&self) -> Option<Duration> {
        (self.count > 0).then(|| Duration::from_secs_f64(to_f64(self.sum_us) / to_f64(self.count) / 1e6))
    }
}

impl Survey {
    pub(super) fn read(path: &Path, stop: &Stop) -> Result<Self, ReplayError> {
        let mut reader = Reader::open(path)?;
        let mut sizes = HashMap::with_hasher(fixed_hasher());
        let (mut loads, mut hits, mut requests) = (Mean::default(), Mean::default(), 0);
        while let Some(piece) = reader.piece()? {
            if stop.asked() {
                break;
            }
            match piece {
                Piece::Requests(some) => {
                    requests += u64::try_from(some.len()).unwrap_or(u64::MAX);
                    for request in some {
                        match request.outcome {
                            Outcome::Hit => hits.add(request.service_us),
                            Outcome::Loaded => loads.add(request.service_us),
                            Outcome::Waited => {}
                            Outcome::Failed | Outcome::Work => continue,
                        }
                        if sizes.len() < MOST_OBJECTS || sizes.contains_key(&request.key) {
                            sizes.insert(request.key, request.size);
                        }
                    }
                }
                Piece::Counted(_) | Piece::Records(_) | Piece::End(_) => {}
            }
        }
        let load = loads.time().unwrap_or(Duration::from_millis(1));
        Ok(Self { requests, sizes, load, hit: hits.time().unwrap_or_default() })
    }
}
