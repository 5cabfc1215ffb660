//! Dials as data: one row says everything about a dial but how it is turned.
//!
//! Whoever puts a host together registers an actuator for each dial (range, value, apply). Profile keys, grants, the
//! arbiter, the judge, the ledger and the reference are all made from the row, so that a new dial is a row, an actuator,
//! a function in `wit/` and its default in the profile.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::grant::Grant;

/// The name of a dial. Compares as its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Dial(&'static str);

impl Dial {
    /// The dial of this name. Only a row makes it one that the host knows: [`Dials::find`].
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name in profiles, reports, `wit/` and the ledger.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl AsRef<str> for Dial {
    fn as_ref(&self) -> &str {
        self.0
    }
}

impl fmt::Display for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// Dial: which eviction policy the cache follows.
pub const CACHE_POLICY: Dial = Dial::new("cache-policy");
/// Dial: bytes that the cache may hold.
pub const CACHE_CAPACITY: Dial = Dial::new("cache-capacity");
/// Dial: seconds that an entry lives after it was stored, where it brings no lifetime of its own.
pub const CACHE_TTL: Dial = Dial::new("cache-ttl");
/// Dial: share of its time to live that an entry has left when a hit has it loaded again; 0 for never.
pub const REFRESH_AHEAD: Dial = Dial::new("refresh-ahead");
/// Dial: bytes of memory that the warm tier may take.
pub const WARM_CAPACITY: Dial = Dial::new("warm-capacity");
/// Dial: how the warm tier compresses what comes in.
pub const WARM_COMPRESSION: Dial = Dial::new("warm-compression");
/// Dial: bytes that the disk tier may use of those that it has reserved.
pub const DISK_CAPACITY: Dial = Dial::new("disk-capacity");
/// Dial: seconds that tiers keep a value which has no end of life.
pub const TIERS_TTL: Dial = Dial::new("tiers-ttl");
/// Dial: threads of the CPU pool.
pub const CPU_WORKERS: Dial = Dial::new("cpu-workers");
/// Dial: tasks that the IO pool runs at once.
pub const IO_WORKERS: Dial = Dial::new("io-workers");
/// Dial: prefetches under way at once.
pub const PREFETCH_IN_FLIGHT: Dial = Dial::new("prefetch-in-flight");
/// Dial: share of the cache for entries that were prefetched and not yet requested.
pub const PREFETCH_SHARE: Dial = Dial::new("prefetch-share");

/// Seconds of [`CACHE_TTL`] and [`TIERS_TTL`] that stand for a lifetime without end: 100 years. A number of its own, such as 0, would have no
/// place in a range from short to long.
pub const WITHOUT_END: u64 = 3_155_760_000;

/// How proposals of several strategies for one dial are combined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The strategy with the highest priority wins; the profile's order breaks ties.
    #[default]
    Priority,
    /// The smallest value wins.
    Min,
    /// The largest value wins.
    Max,
    /// The mean; of a whole number, rounded to the nearest.
    Mean,
}

impl Mode {
    /// Every mode with the name that profiles use.
    pub const ALL: [(Self, &'static str); 4] =
        [(Self::Priority, "priority"), (Self::Min, "min"), (Self::Max, "max"), (Self::Mean, "mean")];
}

/// What a dial's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of the names that the actuator gives. It has no smallest and no mean, so that proposals combine by priority
    /// alone.
    Choice,
    /// A whole number in the row's unit.
    Count,
    /// A number from 0.0 to 1.0.
    Ratio,
}

/// What a change of a dial is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// The hit ratio, against the shadow of the policy that was left.
    Policy,
    /// The hit ratio, against the shadow of the capacity that was left.
    Capacity,
    /// The hit ratio, against the shadow of the setting in force: shadows see no prefetching.
    Prefetching,
    /// The throughput, or what the operator wants instead, against that of the value that was left, in turns.
    Throughput,
    /// The same, where what a value does lasts after it is left, so that turns tell little: only a fall far beyond the
    /// noise is looked into.
    Guarded,
    /// Nothing measures it yet. The decision is kept without a verdict.
    Nothing,
}

/// The profile keys of a dial. A key that is not there is none that a profile can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keys {
    /// What the dial stands at when the run begins.
    pub start: &'static str,
    /// The least that a strategy may propose.
    pub min: Option<&'static str>,
    /// The most that a strategy may propose.
    pub max: Option<&'static str>,
    /// The least that any of these keys takes, in the row's unit; of a ratio in percent, of a choice of no meaning.
    pub least: u64,
    /// The most that any of these keys takes.
    pub most: u64,
}

/// One row: a dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialSpec {
    /// Its name.
    pub dial: Dial,
    /// The grant through which a strategy proposes for it.
    pub grant: Grant,
    /// What its value is.
    pub kind: Kind,
    /// Unit of the value, as text for a reader: `bytes`, `threads`, `tasks`, `policy`.
    pub unit: &'static str,
    /// One line: what it does.
    pub meaning: &'static str,
    /// How proposals combine where the profile does not say.
    pub mode: Mode,
    /// What a change is judged by.
    pub judged: Judged,
    /// Gauges that are put beside a decision: what somebody who asks "why?" wants to see.
    pub figures: &'static [&'static str],
    /// Whether the shadows' hit ratios are put beside a decision, too.
    pub shadows: bool,
    /// Its profile keys.
    pub keys: Keys,
}

impl DialSpec {
    /// The profile key of how rival proposals are settled.
    #[must_use]
    pub fn arbitration_key(&self) -> String {
        format!("control.arbitration.{}", self.dial)
    }
}

/// The dials built in, in the order in which decisions are applied: the capacity last, because the memory budget has the
/// last word.
pub const BUILT_IN: &[DialSpec] = &[
    DialSpec {
        dial: CACHE_POLICY,
        grant: Grant::CacheControl,
        kind: Kind::Choice,
        unit: "policy",
        meaning: "eviction policy of the cache",
        mode: Mode::Priority,
        judged: Judged::Policy,
        figures: &["hit-ratio"],
        shadows: true,
        keys: Keys { start: "cache.policy", min: None, max: None, least: 0, most: 0 },
    },
    DialSpec {
        dial: CACHE_TTL,
        grant: Grant::CacheControl,
        kind: Kind::Count,
        unit: "seconds",
        meaning: "time that an entry lives after it was stored; 3155760000 (100 years) is without end",
        mode: Mode::Priority,
        judged: Judged::Guarded,
        figures: &["hit-ratio"],
        shadows: false,
        keys: Keys {
            start: "cache.ttl",
            min: Some("cache.min-ttl"),
            max: Some("cache.max-ttl"),
            least: 1,
            most: WITHOUT_END,
        },
    },
    DialSpec {
        dial: REFRESH_AHEAD,
        grant: Grant::CacheControl,
        kind: Kind::Ratio,
        unit: "share of the time to live",
        meaning: "an entry with less than this share of its time to live left is loaded again when it is asked for; 0 %: never",
        mode: Mode::Priority,
        judged: Judged::Guarded,
        figures: &["hit-ratio", "origin-latency-p99"],
        shadows: false,
        keys: Keys { start: "cache.refresh-ahead", min: None, max: None, least: 0, most: 50 },
    },
    DialSpec {
        dial: WARM_CAPACITY,
        grant: Grant::TierControl,
        kind: Kind::Count,
        unit: "bytes",
        meaning: "bytes of memory that the warm tier may take",
        mode: Mode::Priority,
        judged: Judged::Nothing,
        figures: &["hit-ratio", "warm-hits", "warm-misses", "warm-bytes"],
        shadows: false,
        keys: Keys {
            start: "tiers.warm.capacity",
            min: None,
            max: None,
            least: 0,
            most: 1_000_000_000_000_000,
        },
    },
    DialSpec {
        dial: WARM_COMPRESSION,
        grant: Grant::TierControl,
        kind: Kind::Choice,
        unit: "compression",
        meaning: "how the warm tier compresses what comes in",
        mode: Mode::Priority,
        judged: Judged::Nothing,
        figures: &["warm-latency", "warm-bytes", "warm-entries"],
        shadows: false,
        keys: Keys { start: "tiers.warm.compression", min: None, max: None, least: 0, most: 0 },
    },
    DialSpec {
        dial: DISK_CAPACITY,
        grant: Grant::TierControl,
        kind: Kind::Count,
        unit: "bytes",
        meaning: "bytes that the disk tier may use, at most what it has reserved at the start",
        mode: Mode::Priority,
        judged: Judged::Nothing,
        figures: &["disk-hits", "disk-misses", "disk-bytes"],
        shadows: false,
        keys: Keys {
            start: "tiers.disk.capacity",
            min: None,
            max: None,
            least: 131_072,
            most: 1_000_000_000_000,
        },
    },
    DialSpec {
        dial: TIERS_TTL,
        grant: Grant::TierControl,
        kind: Kind::Count,
        unit: "seconds",
        meaning: "time that tiers keep a value which has no end of life; 3155760000 (100 years) is without end",
        mode: Mode::Priority,
        judged: Judged::Nothing,
        figures: &["warm-hits", "disk-hits"],
        shadows: false,
        keys: Keys {
            start: "tiers.ttl",
            min: Some("tiers.min-ttl"),
            max: Some("tiers.max-ttl"),
            least: 1,
            most: WITHOUT_END,
        },
    },
    DialSpec {
        dial: CPU_WORKERS,
        grant: Grant::ExecutorControl,
        kind: Kind::Count,
        unit: "threads",
        meaning: "threads of the CPU pool",
        mode: Mode::Priority,
        judged: Judged::Throughput,
        figures: &[
            "throughput",
            "process-cpu-cores",
            "cpu-pool-utilisation",
            "cpu-pool-wait",
            "cpu-pool-service",
        ],
        shadows: false,
        keys: Keys {
            start: "executor.cpu-workers",
            min: Some("executor.min-cpu-workers"),
            max: Some("executor.max-cpu-workers"),
            least: 1,
            most: 1_024,
        },
    },
    DialSpec {
        dial: IO_WORKERS,
        grant: Grant::ExecutorControl,
        kind: Kind::Count,
        unit: "tasks",
        meaning: "tasks that the IO pool runs at once",
        mode: Mode::Priority,
        judged: Judged::Throughput,
        figures: &[
            "throughput",
            "process-cpu-cores",
            "io-pool-utilisation",
            "io-pool-wait",
            "io-pool-service",
        ],
        shadows: false,
        keys: Keys {
            start: "executor.io-workers",
            min: Some("executor.min-io-workers"),
            max: Some("executor.max-io-workers"),
            least: 1,
            most: 4_096,
        },
    },
    DialSpec {
        dial: PREFETCH_IN_FLIGHT,
        grant: Grant::PrefetchControl,
        kind: Kind::Count,
        unit: "loads",
        meaning: "prefetches under way at once; 0 switches prefetching off",
        mode: Mode::Min,
        judged: Judged::Throughput,
        figures: &["hit-ratio"],
        shadows: true,
        keys: Keys {
            start: "prefetch.max-in-flight",
            min: None,
            max: Some("prefetch.max-in-flight-limit"),
            least: 0,
            most: 4_096,
        },
    },
    DialSpec {
        dial: PREFETCH_SHARE,
        grant: Grant::PrefetchControl,
        kind: Kind::Ratio,
        unit: "share of the cache",
        meaning: "share of the cache for entries that were prefetched and not yet requested",
        mode: Mode::Min,
        judged: Judged::Throughput,
        figures: &["hit-ratio"],
        shadows: true,
        keys: Keys { start: "prefetch.cache-share", min: None, max: None, least: 0, most: 50 },
    },
    DialSpec {
        dial: CACHE_CAPACITY,
        grant: Grant::CacheControl,
        kind: Kind::Count,
        unit: "bytes",
        meaning: "bytes that the cache may hold",
        mode: Mode::Priority,
        judged: Judged::Capacity,
        figures: &["hit-ratio"],
        shadows: true,
        keys: Keys {
            start: "cache.capacity",
            min: Some("cache.min-capacity"),
            max: Some("cache.max-capacity"),
            least: 1_000,
            most: 1_000_000_000_000_000,
        },
    },
];

/// The dials of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dials(Vec<DialSpec>);

impl Dials {
    /// The dials built in.
    #[must_use]
    pub fn built_in() -> Self {
        Self(BUILT_IN.to_vec())
    }

    /// The same with one more. It comes first, before the dials built in; one of the same name is replaced.
    #[must_use]
    pub fn with(mut self, spec: DialSpec) -> Self {
        self.0.retain(|row| row.dial != spec.dial);
        self.0.insert(0, spec);
        self
    }

    /// The rows, in the order in which decisions are applied.
    pub fn iter(&self) -> impl Iterator<Item = &DialSpec> {
        self.0.iter()
    }

    /// The row of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&DialSpec> {
        self.0.iter().find(|row| row.dial.name() == name)
    }

    /// The row of a dial.
    #[must_use]
    pub fn get(&self, dial: Dial) -> Option<&DialSpec> {
        self.find(dial.name())
    }

    /// The dials that a grant gives access to.
    pub fn of(&self, grant: Grant) -> impl Iterator<Item = Dial> {
        self.0.iter().filter(move |row| row.grant == grant).map(|row| row.dial)
    }
}

impl Default for Dials {
    fn default() -> Self {
        Self::built_in()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_and_keys_are_unique_and_choices_combine_by_priority() {
        let names: BTreeSet<_> = BUILT_IN.iter().map(|row| row.dial).collect();
        let starts: BTreeSet<_> = BUILT_IN.iter().map(|row| row.keys.start).collect();
        assert_eq!((names.len(), starts.len()), (BUILT_IN.len(), BUILT_IN.len()));
        for row in BUILT_IN {
            assert!(row.kind != Kind::Choice || row.mode == Mode::Priority, "{}", row.dial);
        }
    }

    #[test]
    fn one_more_dial_is_found_by_name_and_by_grant() {
        let row = DialSpec { dial: Dial::new("extra"), ..BUILT_IN[0] };
        let dials = Dials::built_in().with(row);
        assert_eq!(dials.find("extra"), Some(&row));
        assert!(dials.of(Grant::CacheControl).any(|dial| dial == Dial::new("extra")));
        assert_eq!(dials.iter().count(), BUILT_IN.len() + 1);
    }

    #[test]
    fn the_capacity_is_applied_last() {
        assert_eq!(BUILT_IN.last().map(|row| row.dial), Some(CACHE_CAPACITY));
    }
}
