//! The plain records of `wit/`, and what every crate needs to speak of them: dials, gauges, grants, answers.
//!
//! This crate stands on floor 0. It does no IO, knows no wasmtime, and holds one of each fact that several crates
//! share, so that the crates of floor 1 need not know each other.
//!
//! | module | what it holds |
//! |---|---|
//! | [`dial`] | the table of dials: name, grant, unit, how proposals combine, what judges a change |
//! | [`gauge`] | the table of gauges: name, unit, meaning |
//! | [`history`] | the last values of each gauge |
//! | [`value`] | the value of a dial, and the range that it can take |
//! | [`names`] | the names that a choice takes |
//! | [`answer`] | what a proposal is answered |
//! | [`rule`] | prefetch rules and their limits |
//! | [`grant`] | the interfaces that a profile hands to a strategy |
//! | [`run`] | what run this is |
//! | [`snapshot`] | what was measured, as one consistent picture |
//! | [`latency`] | the distribution of durations |
//! | [`number`] | ratios and conversions that say what they do at the edges |
//! | [`split_mix`] | SplitMix64 |
//! | [`nearest`] | the nearest valid name to a mistyped one |

pub mod answer;
pub mod dial;
pub mod gauge;
pub mod grant;
pub mod history;
pub mod latency;
pub mod names;
pub mod nearest;
pub mod number;
pub mod rule;
pub mod run;
pub mod snapshot;
pub mod split_mix;
pub mod value;

pub use answer::{Acceptance, Refusal};
pub use dial::{Dial, DialSpec, Dials, Judged, Mode};
pub use gauge::{GaugeSpec, Gauges};
pub use grant::Grant;
pub use history::History;
pub use latency::{Latency, Percentiles};
pub use names::Names;
pub use rule::PrefetchRule;
pub use run::{Clock, Objective, RunInfo, Unit};
pub use snapshot::Snapshot;
pub use value::{Range, Value};
