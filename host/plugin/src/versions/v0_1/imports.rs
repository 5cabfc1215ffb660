//! The interfaces that a profile grants, linked one by one: a file each, or one for those that take proposals.
//!
//! None of these functions waits, each charges the guest for what it costs the host, and none keeps more of what a guest
//! hands over than it bounds: the proposal context counts proposals, the log counts messages, the learnt state counts
//! keys and bytes, the store caps the size of one call.

mod accesses;
mod control;
mod dials;
mod log;
mod metrics;
mod run;
mod settings;
mod state;

use std::collections::BTreeSet;

use host_contract::Grant;
use wasmtime::component::{HasSelf, Linker};

use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin as contract;

/// What a record costs in flat numbers: it is written to the guest field by field.
const RECORD: usize = 16;

/// Bytes of a reason, with the mark that it was cut: what the proposal context keeps, as `wit/dials.wit` says.
const MAX_REASON: usize = 1021;

/// Links `types`, which holds no function, and exactly the granted interfaces.
pub(super) fn link(linker: &mut Linker<StoreData>, grants: &BTreeSet<Grant>) -> wasmtime::Result<()> {
    type Own = HasSelf<StoreData>;
    contract::types::add_to_linker::<StoreData, Own>(linker, |s| s)?;
    for grant in grants {
        match grant {
            Grant::Metrics => contract::metrics::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::Accesses => contract::accesses::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::Dials => contract::dials::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::Run => run::link(linker)?,
            Grant::CacheControl => contract::cache_control::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::TierControl => contract::tier_control::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::ExecutorControl => {
                contract::executor_control::add_to_linker::<StoreData, Own>(linker, |s| s)?
            }
            Grant::PrefetchControl => {
                contract::prefetch_control::add_to_linker::<StoreData, Own>(linker, |s| s)?
            }
            Grant::ShadowControl => contract::shadow_control::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::Settings => contract::settings::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::State => contract::state::add_to_linker::<StoreData, Own>(linker, |s| s)?,
            Grant::Log => contract::log::add_to_linker::<StoreData, Own>(linker, |s| s)?,
        }
    }
    Ok(())
}

/// The last `max` items, and never more than `cap`.
fn last<T: Copy>(items: &[T], max: u32, cap: usize) -> Vec<T> {
    let wanted = usize::try_from(max).unwrap_or(usize::MAX).min(cap);
    let skipped = items.len().saturating_sub(wanted);
    items.iter().skip(skipped).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_items_are_answered_and_never_more_than_the_cap() {
        let items: Vec<u64> = (0..10).collect();
        assert_eq!(last(&items, 3, 100), [7, 8, 9]);
        assert_eq!(last(&items, u32::MAX, 4), [6, 7, 8, 9]);
        assert!(last(&items, 0, 4).is_empty());
        assert_eq!(last(&items, 100, 100), items);
    }
}
