//! The policy `w-tinylfu` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::{WTinyLfu, w_tinylfu};

policy_sdk::export_policy! {
    name: "w-tinylfu",
    summary: "A window, then a segmented LRU that admits by frequency",
    wants_ids: true,
    open: |opening| WTinyLfu::with(opening.capacity, w_tinylfu::Parameters::default()),
}
