//! What a strategy has learnt, kept by the host. A strategy that calls any of these imports `optimizer:plugin/state`.
//!
//! It outlives the instance: one that is started again after it failed, and one that takes the place of another of its name
//! while the host runs, finds what was there before. So does the next run where the operator gives a folder (`plugins.state-dir`,
//! `--state-dir`). What is set counts once the tick has ended well.
//!
//! Read it at the first tick, in [`Strategy::new`](crate::Strategy::new), and treat it as coming from outside: an earlier version
//! of the strategy may have written it.
//!
//! ```no_run
//! use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, log, metrics, state};
//!
//! /// Remembers the most hits that it has ever seen from one tick to the next.
//! struct Best(u64);
//!
//! /// With the version of the format in it.
//! const KEY: &str = "best.1";
//!
//! impl Strategy for Best {
//!     type Settings = NoSettings;
//!
//!     fn describe() -> Description {
//!         Description::new("best", "0.1.0", "Remembers the most hits of a tick")
//!     }
//!
//!     fn new(_: NoSettings) -> Result<Self, TickError> {
//!         // Nothing, or not what this version writes: it begins anew.
//!         let known = state::get(KEY).and_then(|bytes| bytes.try_into().ok());
//!         Ok(Self(known.map_or(0, u64::from_le_bytes)))
//!     }
//!
//!     fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
//!         let now = metrics::cache().window_hits;
//!         if now > self.0 {
//!             self.0 = now;
//!             if let Err(error) = state::set(KEY, &now.to_le_bytes()) {
//!                 log::warn(format!("not kept: {error:?}"));
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! strategy_sdk::export_strategy!(Best);
//! # fn main() {}
//! ```

use crate::host::state;
pub use state::StateError;

/// The bytes under a key; none where there are none.
#[must_use]
pub fn get(key: &str) -> Option<Vec<u8>> {
    state::get(key)
}

/// Puts bytes under a key, in place of those that were there.
///
/// # Errors
/// The key cannot be one, or a limit of the profile is met (`limits.state-keys`, `limits.state-bytes`). Nothing was changed.
pub fn set(key: &str, value: &[u8]) -> Result<(), StateError> {
    state::set(key, value)
}

/// Takes a key away. False where it was not there.
pub fn delete(key: &str) -> bool {
    state::delete(key)
}

/// The keys there are, in the order of their bytes.
#[must_use]
pub fn keys() -> Vec<String> {
    state::keys()
}
