//! One policy at one capacity: what is replayed, and what is counted meanwhile.

use std::num::NonZeroU64;
use std::time::Duration;

use cpu_time::ThreadTime;

use crate::replay::{PolicyFault, Tally, Weigh};
use host_contract::number::ratio;
use host_policy::PolicyFactory;

use crate::observer::Observer;
use crate::{Capacity, Method, Options, Row, Window};

/// Requests between two looks at whether to stop: some milliseconds.
const REQUESTS_PER_LOOK: usize = 1 << 16;

/// A cell of the grid of policies and capacities.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    pub(crate) method: Method,
    /// The capacity in the unit of `weigh`.
    pub(crate) amount: u64,
    pub(crate) weigh: Weigh,
}

impl Cell {
    /// Every method at every capacity, in the order in which rows are given. The two numbers are what a percentage is
    /// of: distinct keys, and their bytes.
    pub(crate) fn grid(
        methods: &[Method],
        capacities: &[Capacity],
        options: &Options,
        distinct: u64,
        footprint: u64,
    ) -> Vec<Self> {
        let cell = |method: &Method, capacity: &Capacity| {
            let in_bytes = capacity.in_bytes(options.sizes);
            let (weigh, all) = if in_bytes { (Weigh::Bytes, footprint) } else { (Weigh::Objects, distinct) };
            Self { method: method.clone(), amount: capacity.resolve(all), weigh }
        };
        methods.iter().flat_map(|method| capacities.iter().map(move |c| cell(method, c))).collect()
    }

    /// The cell of a policy, with the policy; `None` for Belady's.
    pub(crate) fn policy(self) -> Option<(PolicyFactory, Self)> {
        match &self.method {
            Method::Policy(policy) => Some((policy.clone(), self)),
            Method::Belady => None,
        }
    }

    /// Whether its replay has to know sizes.
    pub(crate) fn needs_sizes(&self, options: &Options) -> bool {
        options.sizes || self.weigh == Weigh::Bytes
    }
}

/// What is counted for a cell.
pub(crate) struct Count {
    cell: Cell,
    bytes_wanted: bool,
    per_window: Option<NonZeroU64>,
    requests: u64,
    tally: Tally,
    windows: Vec<Window>,
    /// Time of the processor: a replay may share its core with the thread that reads.
    took: Duration,
}

impl Count {
    pub(crate) fn new(cell: Cell, options: &Options) -> Self {
        Self {
            cell,
            bytes_wanted: options.sizes,
            per_window: options.per_window,
            requests: 0,
            tally: Tally::default(),
            windows: Vec::new(),
            took: Duration::ZERO,
        }
    }

    /// Feeds requests, with a size each or without sizes, in parts that end where windows do; `fed` is told the
    /// length of each. False when it was stopped before the end.
    ///
    /// # Errors
    /// The policy failed.
    pub(crate) fn feed<K>(
        &mut self,
        mut requests: &[K],
        mut sizes: &[u32],
        observer: &dyn Observer,
        mut feed: impl FnMut(&[K], &[u32]) -> Result<Tally, PolicyFault>,
        mut fed: impl FnMut(u64),
    ) -> Result<bool, PolicyFault> {
        while !requests.is_empty() {
            if observer.stopped() {
                return Ok(false);
            }
            let length = self.to_window_end().min(REQUESTS_PER_LOOK).min(requests.len());
            let (now, later) = requests.split_at(length);
            let (sizes_now, sizes_later) = sizes.split_at(length.min(sizes.len()));
            let started = ThreadTime::now();
            let tally = feed(now, sizes_now)?;
            self.took += started.elapsed();
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            self.note(length, tally);
            fed(length);
            (requests, sizes) = (later, sizes_later);
        }
        Ok(true)
    }

    fn to_window_end(&self) -> usize {
        self.per_window.map_or(usize::MAX, |length| {
            usize::try_from(length.get() - self.requests % length.get()).unwrap_or(usize::MAX)
        })
    }

    fn note(&mut self, requests: u64, tally: Tally) {
        if let Some(length) = self.per_window {
            if self.requests.is_multiple_of(length.get()) {
                self.windows.push(Window { first: self.requests, requests: 0, hits: 0 });
            }
            if let Some(window) = self.windows.last_mut() {
                window.requests += requests;
                window.hits += tally.hits;
            }
        }
        self.requests += requests;
        self.tally.hits += tally.hits;
        self.tally.bytes += tally.bytes;
        self.tally.bytes_missed += tally.bytes_missed;
    }

    /// The name of the policy.
    pub(crate) fn policy(&self) -> String {
        self.cell.method.to_string()
    }

    pub(crate) fn row(self) -> Row {
        let misses = self.requests - self.tally.hits;
        let bytes = ratio(self.tally.bytes_missed, self.tally.bytes);
        Row {
            policy: self.cell.method.to_string(),
            capacity: self.cell.amount,
            requests: self.requests,
            misses,
            miss_ratio: ratio(misses, self.requests).unwrap_or(0.0),
            byte_miss_ratio: bytes.filter(|_| self.bytes_wanted),
            windows: self.windows,
            seconds: self.took.as_secs_f64(),
        }
    }
}
