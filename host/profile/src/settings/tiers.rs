//! Where values go that memory does not hold.

use std::path::PathBuf;
use std::time::Duration;

use crate::bytes::Bytes;

/// The tiers below memory. Each is there or not.
#[derive(Debug, Clone, PartialEq)]
pub struct TierSettings {
    /// What has left memory and is on its way to a tier, at most.
    pub queue: Bytes,
    /// For how long it is remembered that no tier has a key; zero: not at all.
    pub negative_ttl: Duration,
    /// How long tiers keep a value that has no end of life; none: without end.
    pub ttl: Option<Duration>,
    /// Memory, compressed.
    pub warm: Option<WarmSettings>,
    /// A folder.
    pub disk: Option<DiskSettings>,
    /// A server that several hosts may share.
    pub remote: Option<RemoteSettings>,
}

impl TierSettings {
    /// Whether there is any tier.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.warm.is_some() || self.disk.is_some() || self.remote.is_some()
    }
}

/// How values of the warm tier are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// By LZ4.
    Lz4,
    /// By Zstandard.
    Zstd,
    /// Not at all.
    None,
}

impl Compression {
    /// The names, in the order of the variants.
    pub const NAMES: [&'static str; 3] = ["lz4", "zstd", "none"];

    /// Its name in profiles.
    #[must_use]
    pub const fn name(self) -> &'static str {
        let [lz4, zstd, none] = Self::NAMES;
        match self {
            Self::Lz4 => lz4,
            Self::Zstd => zstd,
            Self::None => none,
        }
    }

    /// The compression of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::Lz4, Self::Zstd, Self::None];
        Self::NAMES.iter().zip(all).find_map(|(known, coding)| (*known == name).then_some(coding))
    }
}

/// Memory, compressed.
#[derive(Debug, Clone, PartialEq)]
pub struct WarmSettings {
    /// What it may take.
    pub capacity: Bytes,
    /// How values are compressed.
    pub compression: Compression,
}

/// A folder.
#[derive(Debug, Clone, PartialEq)]
pub struct DiskSettings {
    /// Its folder.
    pub dir: PathBuf,
    /// What it takes there.
    pub capacity: Bytes,
    /// Bytes of a region.
    pub region: Bytes,
    /// Whether what memory holds at the end goes there.
    pub keep: bool,
}

/// Redis or Valkey.
#[derive(Debug, Clone, PartialEq)]
pub struct RemoteSettings {
    /// At least one.
    pub addresses: Vec<String>,
    /// Whether they are of a cluster.
    pub cluster: bool,
    /// What every key begins with there.
    pub prefix: String,
    /// Of one operation.
    pub time_limit: Duration,
    /// Failures in a row after which it is not asked for a while.
    pub failures: u32,
    /// How long it is not asked at first.
    pub pause: Duration,
    /// And at most; at least `pause`.
    pub longest_pause: Duration,
    /// Writes that may be on their way without that clients wait.
    pub write_behind: u32,
}
