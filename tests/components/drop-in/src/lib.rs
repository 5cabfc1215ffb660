//! The ten lines of the README, word for word: well-behaved, and what a plugin directory is tested
//! with.

use strategy_sdk::*;

export_strategy! {
    name: "grow-while-evicting",
    summary: "Grows the cache by a quarter while it evicts",
    dials: [dial::CACHE_CAPACITY],
    tick: |_info| {
        let now = metrics::cache();
        if now.window_evictions > 0 {
            cache::propose_capacity(now.capacity_bytes / 4 * 5).ok();
        }
    },
}
