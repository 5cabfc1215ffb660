//! Strategy `cache-sizing`: gives the cache and the warm tier as much memory as serves what the operator wants.
//!
//! | file | decides |
//! |---|---|
//! | `pressure.rs` | less in all while the machine is short of memory, and back again slowly |
//! | `target.rs` | the capacity at which the hit ratio is the one that the profile names |
//! | `saver.rs` | no more capacity than pays, where memory is the objective |
//! | `split.rs` | how much of what both have is the cache's, and how much the warm tier's |
//!
//! `law.rs` says which of them is heard, `curve.rs` is the miss-ratio curve that they read, `observation.rs` what was measured. None
//! of them knows the host, and all are tested natively.
//!
//! Where there is no shortage, no target, no warm tier, and memory is not the objective, it changes nothing: a cache that the
//! operator has sized stays as it is.

mod curve;
mod law;
mod observation;
mod pressure;
mod saver;
mod split;
mod target;

use law::Law;
use observation::{Observation, Part, Warm};
use strategy_sdk::{
    Description, Objective, Strategy, TickError, TickInfo, cache, count, dial, dials, export_strategy, log,
    metrics, run, shadows, tiers,
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Seconds without a shortage before a sixteenth of what was given up is taken back
        calm_seconds: u64 = 10 in 1..=86_400,
        /// How far the hit ratio may be from its target, either way
        tolerance: f64 = 0.005 in 0.0..=0.5,
        /// Where memory is the objective: share of the requests that may miss in addition when the capacity is halved
        spare: f64 = 0.01 in 0.0..=1.0,
        /// Microseconds that a request costs which neither the cache nor the warm tier serves
        miss_cost: f64 = 1_000.0 in 1.0..=60_000_000.0,
        /// Share of the cost of requests that a move of memory between the cache and the warm tier must save
        needed: f64 = 0.03 in 0.0..=1.0,
        /// Requests after which a move of memory is thought about, and a change of capacity by the target
        requests: u64 = 20_000 in 100..=1_000_000_000,
        /// Seconds from one move of memory to the next: the warm tier copies all that it holds
        rest_seconds: u64 = 30 in 0..=86_400,
    }
}

struct CacheSizing {
    law: Law,
    /// Whether the shadows were asked for other capacities.
    asked: bool,
}

impl Strategy for CacheSizing {
    type Settings = Settings;

    fn describe() -> Description {
        let summary =
            "Sizes the cache and the warm tier by the miss-ratio curve, a target and the memory that is free";
        Description::new("cache-sizing", env!("CARGO_PKG_VERSION"), summary)
            .dials(&[dial::CACHE_CAPACITY, dial::WARM_CAPACITY])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        let saves = run::objective() == Objective::Memory;
        Ok(Self { law: Law::new(settings, saves), asked: false })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let Some((now, reads_the_curve)) = observe(info, &self.law) else { return Ok(()) };
        if !self.asked && reads_the_curve {
            self.asked = true;
            if let Err(error) = shadows::follow_capacities() {
                log::warn(format_args!("the shadows stay at the present capacity: {error:?}"));
            }
        }
        for change in self.law.look(&now) {
            let propose: fn(u64) -> _ = match change.part {
                Part::Cache => cache::propose_capacity,
                Part::Warm => tiers::propose_warm_capacity,
            };
            let answer = propose(change.bytes);
            if answer.is_ok() {
                let dial = match change.part {
                    Part::Cache => dial::CACHE_CAPACITY,
                    Part::Warm => dial::WARM_CAPACITY,
                };
                dials::explain(dial, &change.reason);
            }
            self.law.answered(&now, &answer);
        }
        Ok(())
    }
}

/// What was measured in this tick, and whether the curve is part of it; none in a run whose cache has no capacity to turn.
fn observe(info: TickInfo, law: &Law) -> Option<(Observation, bool)> {
    let range = dials::range(dial::CACHE_CAPACITY)?;
    let warm = dials::range(dial::WARM_CAPACITY).map(|range| Warm {
        capacity: range.value,
        least: range.minimum,
        bytes: metrics::gauge("warm-bytes"),
        entries: metrics::gauge("warm-entries"),
        hits: metrics::gauge("warm-hits"),
        misses: metrics::gauge("warm-misses"),
        latency_us: metrics::gauge("warm-latency"),
    });
    let target = metrics::gauge("target-hit-ratio");
    let reads_the_curve = law.reads_the_curve(target.is_some(), warm.is_some());
    let now = Observation {
        tick: info.tick,
        seconds: count(info.now_ns) / 1e9,
        cache: metrics::cache(),
        least: range.minimum,
        most: range.maximum,
        shadows: if reads_the_curve { metrics::shadows() } else { Vec::new() },
        warm,
        room: metrics::gauge("memory-room"),
        target,
    };
    Some((now, reads_the_curve))
}

export_strategy!(CacheSizing);
