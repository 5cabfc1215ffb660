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
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use host_tier::{Chain, ChainConfig, Clock, Coding, Item, Link, Tier, Warm, WarmConfig};
//!
//! # tokio::runtime::Builder::new_multi_thread().build()?.block_on(async {
//! let clock = Clock::fixed(Duration::from_secs(1_000));
//! let warm = Arc::new(Warm::new(WarmConfig { capacity: 1 << 20, coding: Coding::Lz4 }, clock.clone()));
//! let chain = Chain::new(vec![Link::exclusive(warm)], ChainConfig::default(), clock);
//!
//! // What memory evicts is handed over without waiting...
//! let stamp = chain.stamp();
//! chain.demote(Item::new("key", "value"), stamp);
//! chain.drained().await;
//! // ...and goes back to memory when it is asked for.
//! let found = chain.get(b"key").await.map(|item| item.value);
//! assert_eq!(found.as_deref(), Some(&b"value"[..]));
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

mod chain;
mod clock;
mod disk;
mod error;
mod hash;
mod item;
mod meter;
mod remote;
mod tier;
mod warm;

pub use chain::{Chain, ChainConfig, ChainStats, Holds, Link, Stamp, Writes};
pub use clock::Clock;
pub use disk::{Disk, DiskConfig, DiskCounters, DiskStats};
pub use error::TierError;
pub use item::Item;
pub use meter::TierStats;
pub use remote::{BreakerState, Remote, RemoteConfig, RemoteStats};
pub use tier::{Answer, Evicted, Tier};
pub use warm::{Coding, Warm, WarmConfig};
