//! Where values are when memory does not hold them: tiers behind one trait, and the chain of them.
//!
//! | tier | what it is |
//! |---|---|
//! | [`Warm`] | memory, compressed, limited in bytes |
//! | [`Disk`] | a log of preallocated regions in a folder, which outlives the process |
//! | [`Remote`] | Redis or Valkey, one node or a cluster, which hosts share |
//!
//! [`Chain`] asks them in order, moves what is found or evicted between them, and keeps what is older from overwriting what is
//! newer. Each tier is usable alone. All are told the time by a [`Clock`]; none has one of its own.
//!
//! A tier is a cache: it may lose whatever it was given. What it answers is the value that was put last under the key, or nothing.
//!

mod clock;
mod disk;
mod error;
mod hash;
mod item;
mod meter;
mod tier;
mod warm;

pub use clock::Clock;
pub use disk::{Disk, DiskConfig, DiskCounters, DiskStats};
pub use error::TierError;
pub use item::Item;
pub use meter::TierStats;
pub use tier::{Answer, Evicted, Tier};
pub use warm::{Coding, Warm, WarmConfig};
