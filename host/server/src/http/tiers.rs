//! What is told of the tiers below memory.

use host_runtime::BreakerState;
use serde::{Deserialize, Serialize};

use crate::server::Shared;

/// The tiers of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tiers {
    /// Nearest first.
    pub tiers: Vec<Tier>,
    /// Bytes that have left memory and are on their way to a tier.
    pub queued_bytes: u64,
    /// Values that have left memory for a tier.
    pub demoted: u64,
    /// Of these, values that were dropped because too many were on their way.
    pub dropped: u64,
    /// Lookups that found their value on its way.
    pub hits_on_the_way: u64,
    /// Lookups that asked no tier, because none had had the key shortly before.
    pub negative_hits: u64,
}

/// A tier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tier {
    /// `warm`, `disk` or `remote`.
    pub tier: String,
    /// Whether it is asked at present: of a server, `closed`, `open` (it is not) or `half-open` (one request tries); none of a
    /// tier without one.
    pub breaker: Option<String>,
    /// Lookups that found their value.
    pub hits: u64,
    /// Lookups that did not.
    pub misses: u64,
    /// Values that it has taken.
    pub puts: u64,
    /// Values that went for want of room.
    pub evictions: u64,
    /// Operations that failed, and damage that was found.
    pub errors: u64,
    /// Values that it holds.
    pub entries: u64,
    /// Bytes that it takes.
    pub used_bytes: u64,
    /// Bytes that it may take; 0 where that is not this host's affair.
    pub capacity_bytes: u64,
    /// Bytes of records that the disk tier took; none of another tier.
    pub admitted_bytes: Option<u64>,
    /// Bytes that it wrote, those included that it wrote again.
    pub written_bytes: Option<u64>,
    /// `hits / (hits + misses)`; none without lookups.
    pub hit_ratio: Option<f64>,
    /// Median time of a lookup, microseconds; none without lookups.
    pub get_p50_us: Option<f64>,
    /// 99th percentile of it.
    pub get_p99_us: Option<f64>,
}

/// The figures of the tiers; none where there are no tiers.
pub(crate) fn tiers(shared: &Shared) -> Option<Tiers> {
    let tiers = shared.keys.tiers()?;
    let breaker = tiers.remote_stats().map(|remote| match remote.breaker {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half-open",
    });
    let (stats, disk) = (tiers.stats(), tiers.disk_stats());
    let all = stats.tiers.iter().map(|(name, tier)| {
        let times = tier.get_latency.percentiles();
        let known = |us: f64| (times.count > 0).then_some(us);
        Tier {
            tier: (*name).to_owned(),
            breaker: breaker.filter(|_| *name == "remote").map(str::to_owned),
            hits: tier.hits,
            misses: tier.misses,
            puts: tier.puts,
            evictions: tier.evictions,
            errors: tier.errors,
            entries: tier.entries,
            used_bytes: tier.bytes,
            capacity_bytes: tier.capacity,
            admitted_bytes: disk.filter(|_| *name == "disk").map(|disk| disk.counters.bytes_admitted),
            written_bytes: disk.filter(|_| *name == "disk").map(|disk| disk.counters.bytes_written),
            hit_ratio: tier.hit_ratio(),
            get_p50_us: known(times.p50_us),
            get_p99_us: known(times.p99_us),
        }
    });
    Some(Tiers {
        tiers: all.collect(),
        queued_bytes: stats.queued_bytes,
        demoted: stats.demoted,
        dropped: stats.dropped,
        hits_on_the_way: stats.hits_in_queue,
        negative_hits: stats.negative_hits,
    })
}
