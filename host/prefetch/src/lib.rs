//! Prefetching: which keys to load before they are asked for, within which budget, and what became of them.
//!
//! Rules are data, installed by their owners (strategies) and applied at access time. The data path asks
//! [`Prefetcher::on_access`] at each demand access and is told which keys to load; it reports back when a
//! load has ended and when an entry was evicted. Each prefetched key is counted exactly once: *timely*
//! (asked for after it was there), *late* (asked for while it was being loaded) or *wasted* (failed,
//! evicted, grown old or left over).
//!
//! With [`Prefetcher::measured`] a rule has to show that it is worth its loads: it is tried before it loads, some of its
//! triggers are held back for ever, and one that loses rests. The head of `gate.rs` says how.
//!
//! | rule | what it finds |
//! |---|---|
//! | [`Rule::Sequential`] | keys at a given distance |
//! | [`Rule::Stream`] | keys at an equal distance, whichever it is |
//! | [`Rule::Association`] | given keys after a given key |
//! | [`Rule::Mined`] | keys that missed together with a key before |
//! | [`Rule::Replay`] | what came after a key the last time |
//!
//! There is no IO and no clock here: age is counted in accesses, so a run in virtual time gives the same
//! answers twice.
//!
//! ```
//! use host_prefetch::{Budget, Prefetcher, Rule};
//!
//! let prefetcher = Prefetcher::new(Budget { max_in_flight: 8, cache_share: 0.2 }, 16);
//! prefetcher.set_cache_capacity(1_000_000);
//! prefetcher.install(0, 1, Rule::Association { key: 7, targets: vec![70, 71] })?;
//!
//! let mut loads = Vec::new();
//! prefetcher.on_access(7, |key| key == 71, &mut loads); // 71 is in the cache already
//! assert_eq!(loads[0].key, 70);
//! prefetcher.loaded(70, 4096);
//! prefetcher.on_access(70, |_| true, &mut loads);
//! assert_eq!(prefetcher.stats()[0].counts.timely, 1);
//! # Ok::<(), host_prefetch::RuleError>(())
//! ```

mod budget;
mod finders;
mod gate;
mod ghost;
mod load_time;
mod mined;
mod pending;
mod prefetcher;
mod replay;
mod rule;
mod runs;
mod stats;
mod streams;

pub use budget::Budget;
pub use prefetcher::{Load, Prefetcher, UNUSED_AFTER};
pub use rule::{Installed, MOST_DEPTH, MOST_TARGETS, Rule, RuleError};
pub use stats::{Counts, RuleStats};
