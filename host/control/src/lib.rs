//! The control loop: consult, arbitrate, apply, judge.
//!
//! Pure: it knows strategies as traits, dials as rows and values, and what turns a dial as an [`Actuator`]. It reads no
//! clock, thread or random source of its own. Time, snapshots and seeds are handed in, so a run in virtual time gives the
//! same ledger twice.
//!
//! | module | what it holds |
//! |---|---|
//! | [`control_loop`] | one tick: consult the strategies, resolve each dial, apply |
//! | [`context`] | where a strategy hands in its proposals of one tick |
//! | [`arbiter`] | which of several proposals for a dial wins |
//! | [`actuator`], [`rule_book`], [`shadow_control`] | what the loop turns |
//! | [`judge`], [`effect`] | what a decision changed |
//! | [`ledger`] | the records of all that |
//! | [`registration`], [`strategy`] | who takes part |
//! | [`shadowed`] | what a strategy in shadow mode would have done |
//! | [`supervisor`], [`status`] | whether a strategy that failed is started again, and when; where each stands |

pub mod actuator;
pub mod arbiter;
pub mod context;
pub mod control_loop;
pub mod effect;
pub mod figures;
pub mod judge;
pub mod ledger;
pub mod outcome;
pub mod registration;
pub mod rule_book;
pub mod shadow_control;
pub mod shadowed;
pub mod status;
pub mod strategy;
pub mod supervisor;

pub use actuator::{Actuator, Actuators};
pub use context::{DialState, Hearing, Offer, ProposalContext};
pub use control_loop::{Budget, Config, ControlLoop, Controls, HOST, NoSuchStrategy};
pub use outcome::{Outcome, Verdict};
pub use registration::Registration;
pub use rule_book::{NoRules, RuleBook, RuleChange, RuleKinds};
pub use shadow_control::{NoShadows, ShadowControl};
pub use status::Status;
pub use strategy::{Fault, Identity, LogLine, Response, Strategy, Usage};
