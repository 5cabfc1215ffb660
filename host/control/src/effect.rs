//! How a decision was judged: the record that the judge makes, the ledger keeps and a strategy is told.

use serde::Serialize;

/// How a decision was judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// The decision.
    pub decision: u64,
    /// The tick in which it was judged.
    pub tick: u64,
    /// Ticks from the decision until then.
    pub window_ticks: u64,
    /// What was measured: `hit-ratio`, `throughput` or `latency-mean`.
    pub metric: &'static str,
    /// The figure measured with the setting that was decided for: a ratio, requests a second, or microseconds.
    pub measured: f64,
    /// What the same time would have given with the setting that was left. None where nothing can tell: `basis` says
    /// why.
    pub counterfactual: Option<f64>,
    /// Where the counterfactual comes from, for example `lru, by the shadows` or `8, in 2 blocks by turns`; or `none: ` and
    /// why.
    pub basis: String,
    /// What follows from it.
    pub verdict: Found,
    /// Pairs of blocks that were compared; 0 where shadows were.
    pub pairs: u64,
    /// The test's statistic: the likelihood of a difference over that of none; of shadows, the difference in standard
    /// errors. None where nothing was tested.
    pub statistic: Option<f64>,
    /// How sure a difference is, 0.0 to 1.0. None where nothing was tested.
    pub confidence: Option<f64>,
}

/// What the judge found of a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Better than the setting that was left, beyond noise.
    Better,
    /// Worse beyond noise: the host has undone it.
    Worse,
    /// No difference was found, so that it stands.
    NoDifference,
    /// A further change took its place before it was judged.
    MovedOn,
    /// Who decided took it back before it was judged.
    Undone,
    /// The host, or the operator, set the dial before it was judged.
    Overruled,
    /// The load changed while it was judged: the side that was ahead stands.
    LoadChanged,
    /// The run ended before it was judged.
    Unfinished,
    /// Nothing was tested: the figures stand beside each other, no more.
    NotTested,
}

impl Found {
    /// The name in the report.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::NoDifference => "no difference found",
            Self::MovedOn => "moved on",
            Self::Undone => "taken back",
            Self::Overruled => "overruled",
            Self::LoadChanged => "the load changed",
            Self::Unfinished => "the run ended first",
            Self::NotTested => "not tested",
        }
    }
}
