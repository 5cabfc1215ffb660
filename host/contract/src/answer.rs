//! What a proposal is answered; mirrors `acceptance` and `control-error` of `wit/types.wit`.

use serde::Serialize;

/// The answer to a proposal that stands until the arbitration at the end of the tick.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acceptance {
    /// Taken as it is.
    Accepted,
    /// Taken as the nearest value inside the dial's range, in the unit of the call.
    Clamped(f64),
}

/// Why a proposal was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The profile does not grant it.
    #[error("not granted by the profile")]
    NotGranted,
    /// The strategy does not list the dial in its description.
    #[error("not among the dials that the strategy declares")]
    NotDeclared,
    /// Nothing is behind the dial in this run.
    #[error("unavailable in this run")]
    Unavailable,
    /// Changed a moment ago; proposals are accepted again from this tick on.
    #[error("cooling down until tick {0}")]
    CoolingDown(u64),
    /// No such value; those that are known.
    #[error("unknown, expected one of: {}", .0.join(", "))]
    Unknown(Vec<String>),
    /// Not a value this dial can ever take.
    #[error("invalid: {0}")]
    Invalid(String),
    /// More proposals in one tick, or more rules, than the host accepts.
    #[error("more than the {0} that the host accepts")]
    TooMany(u32),
}
