//! The policy `lru` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::Lru;

policy_sdk::export_policy! {
    name: "lru",
    summary: "Least recently used",
    wants_ids: false,
    open: |_opening| Lru::new(),
}
