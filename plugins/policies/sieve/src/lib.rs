//! The policy `sieve` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::Sieve;

policy_sdk::export_policy! {
    name: "sieve",
    summary: "A queue with one hand and an access bit",
    wants_ids: false,
    open: |_opening| Sieve::new(),
}
