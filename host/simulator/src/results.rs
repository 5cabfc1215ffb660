//! The results of a simulation.

use serde::Serialize;

/// Consecutive requests of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Its first request, counted from 0.
    pub first: u64,
    /// Requests in it; the last window of a trace may be shorter.
    pub requests: u64,
    /// Those of them that hit.
    pub hits: u64,
}

/// One policy at one capacity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the policy.
    pub policy: String,
    /// Capacity in objects, or in bytes where it was given in bytes.
    pub capacity: u64,
    /// Requests replayed.
    pub requests: u64,
    /// Requests that missed; the cold start counts.
    pub misses: u64,
    /// `misses / requests`.
    pub miss_ratio: f64,
    /// Bytes that missed by bytes asked for; only with [`Options::sizes`](crate::Options::sizes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_miss_ratio: Option<f64>,
    /// The windows of the trace, in order; only with [`Options::per_window`](crate::Options::per_window).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Processor time of this replay alone, seconds.
    pub seconds: f64,
}

/// A whole simulation. `host sim --json` prints this object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// The trace file.
    pub trace: String,
    /// Requests in it.
    pub requests: u64,
    /// Distinct keys in it.
    pub distinct: u64,
    /// Whether `distinct` is an estimate: in a trace of more than 58 million keys that was not held in memory.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub distinct_estimated: bool,
    /// Bytes of the distinct keys, each as large as when it was first asked for; `None` where the trace gives no sizes
    /// or `distinct` is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footprint: Option<u64>,
    /// Time to read it, seconds. Of a trace that was not held in memory: time to read and replay it.
    pub read_seconds: f64,
    /// Whether it was ended early; rows that were not reached are missing.
    pub interrupted: bool,
    /// A row for each policy and capacity, in the order asked for.
    pub rows: Vec<Row>,
}
