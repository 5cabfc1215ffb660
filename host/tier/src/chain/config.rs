//! What a chain is made of.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::{Tier, TierStats};

/// Whether a tier keeps what is promoted from it, and takes copies of what is promoted from below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// No: a value is here or above. For what shares the memory of the cache above, so that no value counts twice.
    Exclusive,
    /// Yes.
    Inclusive,
}

/// What is written to a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writes {
    /// What falls from above. A put makes it forget the key.
    Demotions,
    /// What is put, at once. For what others look into as well.
    Puts,
}

/// A tier in a chain.
#[derive(Clone)]
pub struct Link {
    /// The tier.
    pub tier: Arc<dyn Tier>,
    /// What becomes of what is promoted.
    pub holds: Holds,
    /// What is written to it.
    pub writes: Writes,
}

impl Link {
    /// As the warm tier is meant: holds what is nowhere above, and takes what falls.
    pub fn exclusive(tier: Arc<dyn Tier>) -> Self {
        Self { tier, holds: Holds::Exclusive, writes: Writes::Demotions }
    }

    /// As the disk tier is meant: keeps what is promoted, and takes what falls.
    pub fn inclusive(tier: Arc<dyn Tier>) -> Self {
        Self { tier, holds: Holds::Inclusive, writes: Writes::Demotions }
    }

    /// As the remote tier is meant: keeps what is promoted, and has what is put.
    pub fn shared(tier: Arc<dyn Tier>) -> Self {
        Self { tier, holds: Holds::Inclusive, writes: Writes::Puts }
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?}, written with {:?})", self.tier.name(), self.holds, self.writes)
    }
}

/// Settings of a [`Chain`](crate::Chain).
#[derive(Debug, Clone, Copy)]
pub struct ChainConfig {
    /// Bytes of items on their way from tier to tier at most, with 200 for each. They count as memory.
    pub queue: u64,
    /// How many keys that no tier has are remembered, and for how long; up to some 100 bytes of memory each. None: no key is.
    pub negative: Option<(usize, Duration)>,
    /// How many puts and removals may be on their way to shared tiers without that their caller waits for these. Those beyond it
    /// wait. With 0, every one does.
    pub write_behind: usize,
}

impl Default for ChainConfig {
    /// 16 MiB on their way, no key is remembered that no tier has, and every put waits for the shared tiers.
    fn default() -> Self {
        Self { queue: 16 << 20, negative: None, write_behind: 0 }
    }
}

/// What a chain has done since it was made.
#[derive(Debug, Clone, Default)]
pub struct ChainStats {
    /// Its tiers in order, by name.
    pub tiers: Vec<(&'static str, TierStats)>,
    /// Items that were handed over to be demoted, or evicted from a tier above another one.
    pub demoted: u64,
    /// Copies that were made in tiers above the one in which an item was found.
    pub promoted: u64,
    /// Items that were dropped because the queue was full.
    pub dropped: u64,
    /// Items that were not moved because their key has changed meanwhile, or their life has ended.
    pub overtaken: u64,
    /// Moves and lookups that failed in a tier.
    pub failed: u64,
    /// Lookups that found their item in the queue.
    pub hits_in_queue: u64,
    /// Lookups that asked no tier, because none had the key shortly before.
    pub negative_hits: u64,
    /// Items in the queue now.
    pub queued: u64,
    /// Bytes of the queue now.
    pub queued_bytes: u64,
}
