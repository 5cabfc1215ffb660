//! The policy `clock2q-plus` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::{Clock2QPlus, InSlot, clock2q_plus};

policy_sdk::export_policy! {
    name: "clock2q-plus",
    summary: "A small queue with a correlation window before a clock",
    wants_ids: false,
    open: |opening| Clock2QPlus::<InSlot>::with(opening.capacity, clock2q_plus::Parameters::default()),
}
