//! Strategy `cache-policy`: has shadows follow the candidates, and gives the cache the eviction policy whose shadow does best.
//!
//! The decisions are in `decide.rs`, which knows nothing of the host and is tested natively.

mod decide;

use decide::{Chooser, Loss, Settings};
use strategy_sdk::{
    ControlError, Description, Objective, Strategy, TickError, TickInfo, cache, dial, dials, export_strategy,
    log, metrics,
    metrics::{CacheMetrics, ShadowEstimate},
    run, shadows,
};

struct CachePolicy {
    loss: Loss,
    chooser: Chooser,
}

impl Strategy for CachePolicy {
    type Settings = Settings;

    fn describe() -> Description {
        let summary = "Chooses the eviction policy from what the shadows estimate";
        Description::new("cache-policy", env!("CARGO_PKG_VERSION"), summary).dials(&[dial::CACHE_POLICY])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        let loss = if run::objective() == Objective::Bandwidth { Loss::Bytes } else { Loss::Miss };
        let objects = run::capacity_unit() == "objects";
        Ok(Self { loss, chooser: Chooser::with(settings, loss).in_objects(objects) })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let (mut cache, mut shadows) = (metrics::cache(), metrics::shadows());
        if let Some(candidates) = self.chooser.candidates(&cache, &shadows) {
            self.chooser.follows(follow(candidates)?);
        }
        if self.loss == Loss::Bytes {
            in_bytes(&mut cache, &mut shadows);
        }
        let prefetching = metrics::prefetch().max_in_flight > 0;
        if let Some(choice) = self.chooser.choose(info.tick, &cache, &shadows, prefetching) {
            let answer = cache::propose_policy(&choice.policy);
            if answer.is_ok() {
                dials::explain(dial::CACHE_POLICY, &choice.reason);
            }
            self.chooser.answered(info.tick, &answer);
        }
        Ok(())
    }
}

/// Puts the bytes of the window's misses in the place of their number.
fn in_bytes(cache: &mut CacheMetrics, shadows: &mut [ShadowEstimate]) {
    for (shadow, bytes) in shadows.iter_mut().zip(metrics::shadow_missed_bytes()) {
        shadow.window_misses = bytes;
    }
    cache.window_misses = metrics::gauge("missed-bytes").map_or(0, whole);
}

/// A gauge that counts, as a count. Negative ones and such that are no number are 0.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "float to integer saturates; NaN gives 0"
)]
fn whole(gauge: f64) -> u64 {
    gauge.round() as u64
}

/// Has the shadows follow the candidates, or as many of them as the profile allows. Answers the policies that they follow from
/// then on.
fn follow(mut candidates: Vec<String>) -> Result<Vec<String>, TickError> {
    let budget = usize::try_from(shadows::budget()).unwrap_or(usize::MAX);
    // A run without shadows has a budget of 0.
    if budget == 0 || candidates.is_empty() {
        return Ok(shadows::followed());
    }
    if candidates.len() > budget {
        log::warn(format_args!(
            "{} candidates, but `cache.shadow-policies` lets {budget} be followed: {} are left out",
            candidates.len(),
            candidates.split_off(budget).join(", ")
        ));
    }
    match shadows::follow(&candidates) {
        Ok(()) => Ok(candidates),
        Err(ControlError::Unknown(known)) => {
            let expected = format!("policies with spaces between, from: {}", known.join(", "));
            Err(TickError::BadSetting(("candidates".to_owned(), expected)))
        }
        Err(ControlError::Invalid(problem)) => Err(TickError::BadSetting(("candidates".to_owned(), problem))),
        Err(other) => {
            log::warn(format_args!("the shadows do not follow the candidates: {other:?}"));
            Ok(shadows::followed())
        }
    }
}

export_strategy!(CachePolicy);
