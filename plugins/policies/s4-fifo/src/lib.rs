//! The policy `s4-fifo` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::{InSlot, S4Fifo, s4_fifo};

policy_sdk::export_policy! {
    name: "s4-fifo",
    summary: "S3-FIFO in whose newest part hits do not count",
    wants_ids: false,
    open: |opening| S4Fifo::<InSlot>::with(opening.capacity, s4_fifo::Parameters::default()),
}
