//! The policy `s3-fifo` of [`policy_sdk::host_policy`] as a component.

use policy_sdk::host_policy::{InSlot, S3Fifo, s3_fifo};

policy_sdk::export_policy! {
    name: "s3-fifo",
    summary: "Three FIFO queues: newcomers, what came back, and ghosts",
    wants_ids: false,
    open: |opening| S3Fifo::<InSlot>::with(opening.capacity, s3_fifo::Parameters::default()),
}
