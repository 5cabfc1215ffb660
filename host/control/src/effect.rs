//! How a decision was judged: the record that the judge makes, the ledger keeps and a strategy is told.

use serde::Serialize;

/// How a decision was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The decision.
    pub decision: u64,
    /// The tick at which the window closed.
    pub tick: u64,
    /// Ticks the window lasted.
    pub window_ticks: u64,
    /// What was measured: `hit-ratio` or `throughput`.
    pub metric: &'static str,
    /// The figure measured in the window.
    pub measured: f64,
    /// What the same window would have given with the setting that was left. None where nothing can tell: `basis` says
    /// why.
    pub counterfactual: Option<f64>,
    /// Where the counterfactual comes from, for example `lru, by the shadows` or `before`; or `none: ` and why.
    pub basis: String,
}
