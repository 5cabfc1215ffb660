//! Everything a strategy needs: the bindings of `wit/`, a trait, typed settings and a macro that
//! exports the whole as a component.
//!
//! A strategy is one type. [`Strategy::describe`] says what it is, [`Strategy::new`] makes it from
//! its settings at the first tick, [`Strategy::tick`] looks at [`metrics`] and proposes through
//! [`cache`], [`tiers`], [`executor`] and [`prefetch`]. [`export_strategy!`] does the rest.
//!
//! Every import is a capability that a profile has to grant, and a component imports only what its
//! code reaches: a strategy that never calls [`mod@log`] does not ask for the log.
//!
//! ```no_run
//! use strategy_sdk::{Description, NoSettings, Strategy, TickError, TickInfo, cache, dial, metrics};
//!
//! struct HalfOfMemory;
//!
//! impl Strategy for HalfOfMemory {
//!     type Settings = NoSettings;
//!
//!     fn describe() -> Description {
//!         Description::new("half-of-memory", "0.1.0", "Gives the cache half of the memory")
//!             .dials(&[dial::CACHE_CAPACITY])
//!     }
//!
//!     fn new(_: NoSettings) -> Result<Self, TickError> {
//!         Ok(Self)
//!     }
//!
//!     fn tick(&mut self, _: TickInfo) -> Result<(), TickError> {
//!         cache::propose_capacity(metrics::system().memory_limit_bytes / 2).ok();
//!         Ok(())
//!     }
//! }
//!
//! strategy_sdk::export_strategy!(HalfOfMemory);
//! # fn main() {}
//! ```
//!
//! A refused proposal ([`types::ControlError`]) is not an error of the strategy: another one may
//! have more priority for the dial, or it may be cooling down. So there is no conversion to [`TickError`], after which
//! the strategy would lose what it holds, rest, and be started anew. Natively (in unit tests) the calls of the
//! host are stubs that panic: keep decisions in functions that take what was measured as arguments,
//! and test those; or, with the feature `replay`, call `tick` with what a run has recorded (`replay::Replay`).

/// What wit-bindgen makes of `wit/`. Public for [`export_strategy!`]; the names to use are the
/// crate's own.
#[doc(hidden)]
pub mod bindings {
    // `wit` here is a link to the contract at the root of the repository: what lies outside of a package cannot be
    // packed with it.
    wit_bindgen::generate!({
        world: "strategy",
        path: "wit",
        pub_export_macro: true,
        default_bindings_module: "strategy_sdk::bindings",
    });
}

/// The host's calls: those of the component, or natively those of a recorded run.
#[cfg(not(all(feature = "replay", not(target_family = "wasm"))))]
use bindings::optimizer::plugin as host;
#[cfg(all(feature = "replay", not(target_family = "wasm")))]
use replay::host;

pub mod accesses;
mod description;
pub mod dial;
pub mod dials;
pub mod export;
pub mod hand_over;
pub mod log;
#[cfg(all(feature = "replay", not(target_family = "wasm")))]
pub mod replay;
pub mod run;
pub mod settings;
pub mod state;

pub use bindings::optimizer::plugin::types;
pub use description::Description;
pub use hand_over::HandOver;
pub use host::{
    cache_control as cache, executor_control as executor, metrics, prefetch_control as prefetch,
    shadow_control as shadows, tier_control as tiers,
};
pub use run::Objective;
pub use settings::{NoSettings, Settings};
pub use state::StateError;
pub use types::{Acceptance, ControlError, TickError, TickInfo};

/// A count as a number to calculate with. Exact up to 2^53.
#[must_use]
#[expect(clippy::as_conversions, reason = "there is no `f64::from(u64)`")]
pub fn count(count: u64) -> f64 {
    count as f64
}

/// A whole number with commas, for texts that people read.
///
/// ```
/// assert_eq!(strategy_sdk::thousands(12_345.6), "12,346");
/// ```
#[must_use]
pub fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A strategy: what [`export_strategy!`] turns into a component.
pub trait Strategy: Sized + 'static {
    /// The settings that a profile may give: a struct made by [`settings!`](crate::settings!), or
    /// [`NoSettings`].
    type Settings: Settings;

    /// What this strategy is. Must not call the host: nothing is measured or granted yet. The
    /// settings are added by the export.
    fn describe() -> Description;

    /// Makes the strategy, at the first tick.
    ///
    /// # Errors
    /// A setting that has the right type and cannot be used all the same
    /// ([`TickError::BadSetting`]).
    fn new(settings: Self::Settings) -> Result<Self, TickError>;

    /// Looks and proposes, once a tick.
    ///
    /// # Errors
    /// Whatever makes the strategy useless: what it asked for stands no more, it is started anew after a rest, and the
    /// text is shown.
    fn tick(&mut self, info: TickInfo) -> Result<(), TickError>;
}

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
