//! The host's log. A strategy that calls any of these imports `optimizer:plugin/log`.
//!
//! Why a dial is turned does not belong here but into [`dials::explain`](crate::dials::explain), which the host puts
//! beside the decision.

use std::fmt::Display;

use crate::host::log;
pub use log::Level;

/// Sends one message.
pub fn write(level: Level, message: impl Display) {
    log::write(level, &message.to_string());
}

/// Every step, for following a computation.
pub fn trace(message: impl Display) {
    write(Level::Trace, message);
}

/// For the author of the strategy.
pub fn debug(message: impl Display) {
    write(Level::Debug, message);
}

/// Worth knowing to the operator; nothing is wrong.
pub fn info(message: impl Display) {
    write(Level::Info, message);
}

/// Something is off, and the strategy copes.
pub fn warn(message: impl Display) {
    write(Level::Warn, message);
}

/// Something failed.
pub fn error(message: impl Display) {
    write(Level::Error, message);
}
