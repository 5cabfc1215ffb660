//! The policy `2q` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::{InSlot, TwoQ, two_q};

policy_sdk::export_policy! {
    name: "2q",
    summary: "A queue for newcomers before an LRU list",
    wants_ids: false,
    open: |opening| TwoQ::<InSlot>::with(opening.capacity, two_q::Parameters::default()),
}
