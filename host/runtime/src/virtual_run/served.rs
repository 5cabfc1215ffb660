//! What was served since the data plane was last told.
//!
//! The counters, the histograms and the access log of a data plane take requests of many threads at once, and every
//! request pays for that with some atomic steps and a lock. In virtual time one thread serves, and only ticks look: it
//! counts here, and tells the plane of all requests together before each tick.

use std::time::Duration;

use host_contract::number::ratio;

use crate::access_log::Access;
use crate::data_plane::DataPlane;

/// Requests, pieces of work and loads that the plane was not told of.
#[derive(Debug)]
pub(crate) struct Served {
    hit_time: Duration,
    load_time: Duration,
    accesses: Vec<Access>,
    /// Size of what the requests had to load.
    missed_bytes: u64,
    /// Of all requests since the start: their size, and that of what they had to load.
    total: Bytes,
    /// Requests that took the time of a hit, and those that took the time of a load.
    hits: u64,
    misses: u64,
    /// What took any other time.
    others: Vec<Duration>,
    loads: u64,
}

/// Sizes of requests, in the unit of the capacity.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bytes {
    pub(crate) requested: u64,
    pub(crate) missed: u64,
}

impl Bytes {
    /// Those missed of those requested, 0.0 to 1.0; none without any.
    pub(crate) fn miss_ratio(self) -> Option<f64> {
        ratio(self.missed, self.requested)
    }
}

impl Served {
    /// Nothing yet. How long a hit takes, and how long a load.
    pub(crate) fn new(hit_time: Duration, load_time: Duration) -> Self {
        Self {
            hit_time,
            load_time,
            accesses: Vec::new(),
            missed_bytes: 0,
            total: Bytes::default(),
            hits: 0,
            misses: 0,
            others: Vec::new(),
            loads: 0,
        }
    }

    /// A request was served with an entry of this weight, `hit` where it caused no load of its own.
    pub(crate) fn access(&mut self, key: u64, weight: u64, hit: bool) {
        self.total.requested = self.total.requested.saturating_add(weight);
        if !hit {
            self.missed_bytes = self.missed_bytes.saturating_add(weight);
        }
        // The log has 32 bits for it: 4 GiB and more count as the largest.
        self.accesses.push(Access { key, size: u32::try_from(weight).unwrap_or(u32::MAX), hit });
    }

    /// A request, or a piece of work, took `time`.
    pub(crate) fn finished(&mut self, time: Duration) {
        if time == self.hit_time {
            self.hits += 1;
        } else if time == self.load_time {
            self.misses += 1;
        } else {
            self.others.push(time);
        }
    }

    /// The origin was asked for an object, on demand or ahead of it.
    pub(crate) fn loaded(&mut self) {
        self.loads += 1;
    }

    /// What was asked for since the start, as far as the plane was told.
    pub(crate) fn bytes(&self) -> Bytes {
        self.total
    }

    /// Tells the plane.
    pub(crate) fn tell(&mut self, plane: &DataPlane) {
        plane.metrics.accesses.append(&self.accesses);
        plane.metrics.missed(self.missed_bytes);
        self.total.missed = self.total.missed.saturating_add(self.missed_bytes);
        self.missed_bytes = 0;
        plane.metrics.finished_alike(self.hit_time, self.hits);
        plane.metrics.finished_alike(self.load_time, self.misses);
        for time in self.others.drain(..) {
            plane.metrics.finished(time);
        }
        plane.metrics.loaded_alike(self.load_time, self.loads);
        self.accesses.clear();
        (self.hits, self.misses, self.loads) = (0, 0, 0);
    }
}
