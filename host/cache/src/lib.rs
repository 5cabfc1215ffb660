//! A cache whose eviction policy and capacity change while it runs, and the means to choose both.
//!
//! | what | for |
//! |---|---|
//! | [`Cache`] | values, shared by threads and tasks, bounded by weight, with single-flight loads |
//! | [`Shadows`] | miniature caches beside it: what would another policy or capacity have missed? |
//! | [`policy`] | LRU, FIFO, LFU, ARC, SIEVE, S3-FIFO, W-TinyLFU, LIRS, 2Q, and the trait for another |
//!
//! Of this project it uses `host-policy` and `host-contract` alone. It reads a clock only for entries that have a lifetime
//! ([`Builder::clock`]), and its one source of chance is the seed of the key hasher ([`Builder::hasher`]). Both can be
//! replaced, and then a run repeats.

mod cache;
mod index;
#[expect(unsafe_code, reason = "see its head")]
mod packed;
mod prefetch;
mod shadow;
mod sync;

pub use cache::{Builder, Cache, Cause, Change, Clock, Fill, Iter, Life, Outcome, Present, Served, Stats};
pub use hashbrown::Equivalent;
pub use host_policy::{
    self as policy, Policy, PolicyFactory, RegisterError, Registry, Slot, UnknownPolicy, builtin,
};
pub use packed::{Packed, PackedValue};
pub use shadow::{Estimate, GroupEstimate, Groups, SampleTap, ShadowState, Shadows};
