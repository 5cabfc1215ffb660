//! The control loop: sense, consult, arbitrate, apply, judge.
//!
//! Pure: it knows strategies and controls only as traits, and reads no clock, thread or random source
//! of its own. Time and seed are handed in, so a run in virtual time gives the same ledger twice.

pub mod arbiter;
pub mod control_loop;
pub mod desk;
pub mod figures;
pub mod grant;
pub mod judge;
pub mod ledger;
pub mod proposal;
pub mod seat;
pub mod snapshot;
pub mod strategy;

pub use arbiter::Mode;
pub use control_loop::{Config, ControlLoop, Controls};
pub use desk::{Bounds, Desk};
pub use grant::Grant;
pub use proposal::{Acceptance, Budget, Control, PrefetchRule, Proposal, Refusal};
pub use seat::Seat;
pub use snapshot::Snapshot;
pub use strategy::{Fault, Identity, LogLine, Outcome, Strategy, Usage};
