//! What a dial can take, why it is turned, and what became of proposals.
//!
//! A strategy that calls any of these imports `optimizer:plugin/dials`.

use std::fmt::Display;

use crate::host::dials;
pub use dials::{DialRange, Outcome, choice, choices, free_from_tick, names, outcomes, range};

/// Says why this strategy turns a dial in this tick. The host puts the text beside the decision, in the report and on
/// the ledger: name the figures. The last text of a tick counts. At most 1,024 bytes; longer texts are cut.
pub fn explain(dial: &str, reason: impl Display) {
    dials::explain(dial, &reason.to_string());
}
