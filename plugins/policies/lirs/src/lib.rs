//! The policy `lirs` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::{InSlot, Lirs, lirs};

policy_sdk::export_policy! {
    name: "lirs",
    summary: "Keeps what comes back after few others",
    wants_ids: false,
    open: |opening| Lirs::<InSlot>::with(opening.capacity, lirs::Parameters::default()),
}
