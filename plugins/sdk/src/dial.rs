//! The names of the dials that the contract has as this SDK was built.
//!
//! A dial is its name: one that a later host has can be written as text wherever a constant of this module is used.

/// Eviction policy of the cache, by name. Turned with `cache::propose_policy`.
pub const CACHE_POLICY: &str = "cache-policy";
/// Bytes that the cache may hold. Turned with `cache::propose_capacity`.
pub const CACHE_CAPACITY: &str = "cache-capacity";
/// Seconds that an entry lives after it was stored; 3,155,760,000 (100 years) is without end. Turned with
/// `cache::propose_ttl`.
pub const CACHE_TTL: &str = "cache-ttl";
/// Share of its time to live that an entry has left when a hit has it loaded again, 0.0 to 0.5; 0.0 for never. Turned with
/// `cache::propose_refresh_ahead`.
pub const REFRESH_AHEAD: &str = "refresh-ahead";
/// Bytes of memory that the warm tier may take. Turned with `tiers::propose_warm_capacity`.
pub const WARM_CAPACITY: &str = "warm-capacity";
/// How the warm tier compresses, by name. Turned with `tiers::propose_warm_compression`.
pub const WARM_COMPRESSION: &str = "warm-compression";
/// Bytes that the disk tier may use. Turned with `tiers::propose_disk_capacity`.
pub const DISK_CAPACITY: &str = "disk-capacity";
/// Seconds that tiers keep a value which has no end of life; 3,155,760,000 (100 years) is without end. Turned with
/// `tiers::propose_ttl`.
pub const TIERS_TTL: &str = "tiers-ttl";
/// Threads of the CPU pool. Turned with `executor::propose_cpu_workers`.
pub const CPU_WORKERS: &str = "cpu-workers";
/// Tasks that the IO pool runs at once. Turned with `executor::propose_io_workers`.
pub const IO_WORKERS: &str = "io-workers";
/// Prefetches under way at once. Turned with `prefetch::propose_in_flight`.
pub const PREFETCH_IN_FLIGHT: &str = "prefetch-in-flight";
/// Share of the cache for entries that were prefetched and not yet requested, 0.0 to 0.5. Turned with
/// `prefetch::propose_share`.
pub const PREFETCH_SHARE: &str = "prefetch-share";
