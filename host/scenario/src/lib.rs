//! A model of a server behind a pool of workers, in virtual time.
//!
//! A [`Scenario`] says how requests arrive and what serving one takes, and how that changes from phase to phase. A
//! [`Model`] plays it tick by tick: whoever drives it sets the number of workers between two ticks, and reads what a real
//! pool would have measured. All chance comes from the scenario's seed, so that the same counts give the same windows,
//! and arrivals of an open scenario do not depend on the number of workers.
//!
//! ```
//! use host_scenario::{Model, bundled};
//!
//! let scenario = bundled::find("knee-shallow").expect("a bundled scenario").scenario()?;
//! let mut model = Model::new(&scenario);
//! model.set_workers(20);
//! let first = model.tick().expect("it has ticks");
//! assert!(first.goodput > 0.0 && first.mean_in_flight <= 20.0);
//! # Ok::<(), host_scenario::ScenarioError>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`scenario`] | the file: phases, arrivals, service |
//! | [`bundled`] | the scenarios that come with it, by name |
//! | [`model`] | discrete events: arrivals, queue, workers, server |
//! | [`window`] | what is measured in a tick |
//! | [`error`] | what can be wrong with a file |

pub mod bundled;
mod check;
pub mod error;
pub mod model;
mod random;
pub mod scenario;
pub mod window;

pub use error::ScenarioError;
pub use model::Model;
pub use scenario::{Phase, PoolKind, Scenario};
pub use window::Window;
