//! What a strategy has in memory, handed over when another component of its name takes its place while the host runs.
//!
//! A strategy that implements [`HandOver`] and is exported by `export_strategy!(MyStrategy, hand_over)` exports
//! `optimizer:plugin/handover` as well. Others are started anew, with nothing but what [`state`](crate::state) holds. Unlike that, what is handed
//! over here outlives neither a failure nor the run, and costs nothing in a tick.
//!
//! ```no_run
//! use strategy_sdk::{Description, HandOver, NoSettings, Strategy, TickError, TickInfo, metrics};
//!
//! /// Adds up what left the cache.
//! struct Evictions(u64);
//!
//! impl Strategy for Evictions {
//!     type Settings = NoSettings;
//!
//!     fn describe() -> Description {
//!         Description::new("evictions", "0.1.0", "Adds up what left the cache")
//!     }
//!
//!     fn new(_: NoSettings) -> Result<Self, TickError> {
//!         Ok(Self(0))
//!     }
//!
//!     fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
//!         self.0 += metrics::cache().window_evictions;
//!         Ok(())
//!     }
//! }
//!
//! impl HandOver for Evictions {
//!     fn save(&mut self) -> Vec<u8> {
//!         self.0.to_le_bytes().to_vec()
//!     }
//!
//!     fn restore(&mut self, saved: &[u8]) -> Result<(), String> {
//!         self.0 = u64::from_le_bytes(saved.try_into().map_err(|_| "expected 8 bytes")?);
//!         Ok(())
//!     }
//! }
//!
//! strategy_sdk::export_strategy!(Evictions, hand_over);
//! # fn main() {}
//! ```

use crate::{Settings, Strategy, host::settings};

/// The bindings of world `handing-over`. Public for [`export_strategy!`](crate::export_strategy!).
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        world: "handing-over",
        path: "wit",
        pub_export_macro: true,
        export_macro_name: "export_hand_over",
        default_bindings_module: "strategy_sdk::hand_over::bindings",
    });
}

/// A strategy that hands over what it has in memory.
pub trait HandOver: Strategy {
    /// What it has in memory. At most as many bytes as the profile allows (`limits.state-bytes`); empty where there is nothing to hand
    /// over.
    fn save(&mut self) -> Vec<u8>;

    /// Takes over what another instance has saved, which may be one of another version. Called on a strategy that was just made.
    ///
    /// # Errors
    /// Why the bytes cannot be used. The strategy is made anew then.
    fn restore(&mut self, saved: &[u8]) -> Result<(), String>;
}

/// The answer to `save`: nothing before the first tick.
#[must_use]
pub fn save<S: HandOver>(strategy: &mut Option<S>) -> Vec<u8> {
    strategy.as_mut().map(HandOver::save).unwrap_or_default()
}

/// The answer to `restore`: makes the strategy, and hands it the bytes.
///
/// # Errors
/// What the strategy's constructor or `restore` answered.
pub fn restore<S: HandOver>(strategy: &mut Option<S>, saved: &[u8]) -> Result<(), String> {
    let made = S::Settings::read(settings::get).and_then(S::new);
    strategy.insert(made.map_err(|error| format!("{error:?}"))?).restore(saved)
}
