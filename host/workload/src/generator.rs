//! Generates the built-in workload: six phases, in each of which another setting is right.
//!
//! | phase | requests | what does well |
//! |---|---|---|
//! | `hot-set` | zipf over far more keys than fit, and pairs of keys that belong together | frequency; association rules |
//! | `scan` | a hot set that fits, with a long sequential scan running through it | LFU, ARC; sequential prefetch |
//! | `shift` | a hot set that fits and moves on to other keys time and again | LRU, ARC |
//! | `loop` | round and round over slightly more keys than fit, with some re-reads | LFU; sequential prefetch |
//! | `cpu-burst` | computation only | as many CPU workers as cores |
//! | `io-burst` | waiting only | many IO workers |
//!
//! The seed and the plan determine every operation, so that a phase can be produced twice (for a baseline, then for the
//! tuned run) or on its own. The phases share no key. The keys of a scan and of a loop are consecutive, as those of a real
//! scan are. The keys of a hot set are scattered, so that their order does not tell which are popular.
//!
//! The zipf distribution uses the platform's floating-point functions: between platforms single operations may differ.
//!
//! ```
//! use host_workload::generator::{Action, Generator, Plan};
//!
//! let generator = Generator::new(42, Plan { cache_entries: 1_000, ..Plan::default() })?;
//! for phase in generator.phases() {
//!     let gets = generator.ops(phase).filter(|op| op.action == Action::Get).count();
//!     println!("{}: {} operations, {gets} of them through the cache", phase.name, phase.requests);
//! }
//! # Ok::<(), host_workload::generator::PlanError>(())
//! ```

use std::ops::RangeInclusive;

mod access;
mod ops;

pub use ops::{Ops, burn};

/// How much the generator asks for, and of what size.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Objects that the cache holds at the start; hot sets, scans and loops are sized by it. At least 16.
    pub cache_entries: u64,
    /// Requests in each of the four cache phases, before `scale`.
    pub cache_requests: u64,
    /// Tasks in the burst of CPU work, before `scale`.
    pub cpu_tasks: u64,
    /// Steps of [`burn`] in one CPU task; a step takes some 4 ns.
    pub cpu_iterations: RangeInclusive<u32>,
    /// Tasks in the burst of IO work, before `scale`.
    pub io_tasks: u64,
    /// Time that one IO task waits, in microseconds.
    pub io_micros: RangeInclusive<u32>,
    /// Size of every object in bytes. One size, so that `cache_entries` means the same in bytes.
    pub value_bytes: u32,
    /// Operations between a key and the key that belongs to it, in the phase `hot-set`; 0 lets it follow at once.
    pub related_after: u32,
    /// Multiplies the number of operations of every phase; above 0, at most 1,000,000. A phase keeps at least one.
    pub scale: f64,
}

impl Default for Plan {
    /// About ten seconds for a baseline and a tuned run on two cores, where a miss takes 1 ms and the baseline runs 8
    /// requests at a time.
    fn default() -> Self {
        Self {
            cache_entries: 1_000,
            cache_requests: 8_000,
            cpu_tasks: 2_000,
            cpu_iterations: 50_000..=150_000,
            io_tasks: 3_000,
            io_micros: 500..=4_000,
            value_bytes: 4_096,
            related_after: 2,
            scale: 1.0,
        }
    }
}

/// Why a plan cannot be carried out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Too small a cache: the phases could not be told apart.
    #[error("cache_entries: expected 16 to 4294967296, found {0}")]
    CacheEntries(u64),
    /// Not a usable factor.
    #[error("scale: expected a number above 0 and up to 1000000, found {0}")]
    Scale(f64),
    /// A range that ends before it begins.
    #[error("{field}: expected a range whose end is not below its start, found {start}..={end}")]
    Range {
        /// The field of the plan.
        field: &'static str,
        /// Its start.
        start: u32,
        /// Its end.
        end: u32,
    },
}

/// The kinds of phase, in the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum PhaseKind {
    /// Zipf 0.99 over eight times what fits; 3 of 10 requests are to pairs.
    HotSet,
    /// Alternately 64 requests to a hot set of 0.8 of the cache and 64 keys further of a scan that never comes back.
    Scan,
    /// A hot set of 0.8 of the cache, replaced eight times as a whole.
    Shift,
    /// A loop over 1.25 times what fits; 1 request of 10 goes to any of its keys.
    Loop,
    /// CPU tasks.
    CpuBurst,
    /// IO tasks.
    IoBurst,
}

impl PhaseKind {
    /// Every kind, in the order in which they run.
    pub const ALL: [Self; 6] =
        [Self::HotSet, Self::Scan, Self::Shift, Self::Loop, Self::CpuBurst, Self::IoBurst];

    /// Whether its requests go through the cache.
    #[must_use]
    pub const fn uses_cache(self) -> bool {
        !matches!(self, Self::CpuBurst | Self::IoBurst)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::HotSet => "hot-set",
            Self::Scan => "scan",
            Self::Shift => "shift",
            Self::Loop => "loop",
            Self::CpuBurst => "cpu-burst",
            Self::IoBurst => "io-burst",
        }
    }

    /// A number of its own, for its keys and its random numbers.
    const fn number(self) -> u64 {
        match self {
            Self::HotSet => 1,
            Self::Scan => 2,
            Self::Shift => 3,
            Self::Loop => 4,
            Self::CpuBurst => 5,
            Self::IoBurst => 6,
        }
    }
}

/// A part of the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    /// Its name, as a user sees it.
    pub name: &'static str,
    /// What it does.
    pub kind: PhaseKind,
    /// How many operations it has.
    pub requests: u64,
}

/// What one operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Reads the key through the cache, from an origin where it is not there.
    Get,
    /// Computes: [`burn`] with the operation's key and this number of steps.
    Cpu {
        /// Steps.
        iterations: u32,
    },
    /// Waits, as for a disk or a network.
    Io {
        /// Microseconds.
        micros: u32,
    },
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Op {
    /// The key to read; for other work its number within the phase.
    pub key: u64,
    /// Size of the object in bytes; 0 for other work.
    pub size: u32,
    /// What to do.
    pub action: Action,
}

/// Produces the phases of a plan from a seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Generator {
    seed: u64,
    plan: Plan,
    phases: [Phase; 6],
}

impl Generator {
    /// A generator for a plan.
    ///
    /// # Errors
    /// [`PlanError`] where a figure of the plan is out of its range.
    pub fn new(seed: u64, plan: Plan) -> Result<Self, PlanError> {
        if !(16..=1 << 32).contains(&plan.cache_entries) {
            return Err(PlanError::CacheEntries(plan.cache_entries));
        }
        if !(plan.scale > 0.0 && plan.scale <= 1e6) {
            return Err(PlanError::Scale(plan.scale));
        }
        for (field, range) in [("cpu_iterations", &plan.cpu_iterations), ("io_micros", &plan.io_micros)] {
            if range.is_empty() {
                return Err(PlanError::Range { field, start: *range.start(), end: *range.end() });
            }
        }
        let phases = PhaseKind::ALL.map(|kind| {
            let requests = match kind {
                PhaseKind::CpuBurst => plan.cpu_tasks,
                PhaseKind::IoBurst => plan.io_tasks,
                _ => plan.cache_requests,
            };
            Phase { name: kind.name(), kind, requests: access::scaled(requests, plan.scale) }
        });
        Ok(Self { seed, plan, phases })
    }

    /// The phases, in the order in which to run them.
    #[must_use]
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The operations of a phase, the same at each call. A phase with another number of requests than
    /// [`phases`](Self::phases) gives is cut short, or goes on.
    #[must_use]
    pub fn ops(&self, phase: &Phase) -> Ops {
        Ops::new(self.seed, &self.plan, *phase)
    }
}

#[cfg(test)]
#[expect(clippy::as_conversions, reason = "a test, with small numbers")]
mod tests;
