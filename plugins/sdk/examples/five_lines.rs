//! A whole strategy in five lines: gives the cache half of the memory that the process may use.
//!
//! Build and run it as `grow.rs` beside it; it needs the grants `metrics` and `cache-control`.

use strategy_sdk::{cache, dial, export_strategy, metrics};

export_strategy! {
    name: "half-of-memory",
    summary: "Gives the cache half of the memory",
    dials: [dial::CACHE_CAPACITY],
    tick: |_info| { cache::propose_capacity(metrics::system().memory_limit_bytes / 2).ok(); },
}
