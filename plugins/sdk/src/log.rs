//! The host's log. A strategy that calls any of these imports `wasi:logging/logging`.

use crate::{Control, bindings::wasi::logging::logging};
pub use logging::Level;
use std::fmt::Display;

/// Sends one message; `context` says what part of the strategy speaks.
pub fn send(level: Level, context: &str, message: impl Display) {
    logging::log(level, context, &message.to_string());
}

/// For the author of the strategy.
pub fn debug(message: impl Display) {
    send(Level::Debug, "tick", message);
}

/// Worth knowing to the operator; nothing is wrong.
pub fn info(message: impl Display) {
    send(Level::Info, "tick", message);
}

/// Something is off, and the strategy copes.
pub fn warn(message: impl Display) {
    send(Level::Warn, "tick", message);
}

/// Why a proposal for this control was made. The host puts the last one of a tick beside the
/// decision, in the report and on the ledger: name the figures.
pub fn reason(control: Control, message: impl Display) {
    let context = match control {
        Control::CachePolicy => "cache-policy",
        Control::CacheCapacity => "cache-capacity",
        Control::CpuWorkers => "cpu-workers",
        Control::IoWorkers => "io-workers",
        Control::PrefetchRules => "prefetch-rules",
        Control::PrefetchBudget => "prefetch-budget",
    };
    send(Level::Info, context, message);
}
