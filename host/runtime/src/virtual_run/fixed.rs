//! Policies that are left alone, over the input of a run in virtual time.

use host_cache::PolicyFactory;
use host_contract::number::ratio;
use host_contract::split_mix::mix;
use host_simulator::{Replay, Weigh};
use serde::Serialize;

use super::{BATCH, Step, Steps};
use crate::error::RunError;
use crate::progress::Stop;

/// A policy that was never changed.
#[derive(Debug, Clone, Serialize)]
pub struct Fixed {
    /// Its name.
    pub policy: String,
    /// Requests that missed.
    pub misses: u64,
    /// `misses` of all requests to the cache, 0.0 to 1.0.
    pub miss_ratio: f64,
}

/// What each of these policies misses where it is left alone, in one pass over the input.
pub(super) fn fixed(
    steps: &Steps<'_>,
    policies: &[PolicyFactory],
    stop: &Stop,
) -> Result<Vec<Fixed>, RunError> {
    let replay = |policy: &PolicyFactory| Replay::hashed(policy, steps.capacity, Weigh::Bytes);
    let mut policies: Vec<_> = policies.iter().map(|policy| (replay(policy), policy, 0_u64)).collect();
    let mut requests = 0_u64;
    let (mut ids, mut sizes) = (Vec::with_capacity(BATCH), Vec::with_capacity(BATCH));
    let mut feed = |ids: &mut Vec<u64>, sizes: &mut Vec<u32>| {
        for (replay, _, hits) in &mut policies {
            *hits += replay.feed(ids, sizes).hits;
        }
        ids.clear();
        sizes.clear();
    };
    steps.each(stop, |step| {
        if let Step::Get(key) = step {
            requests += 1;
            ids.push(mix(key));
            sizes.push(u32::try_from(steps.weight(key).unwrap_or(1)).unwrap_or(u32::MAX));
            if ids.len() == BATCH {
                feed(&mut ids, &mut sizes);
            }
        }
    })?;
    feed(&mut ids, &mut sizes);
    let row = |(_, policy, hits): (_, &PolicyFactory, u64)| Fixed {
        policy: policy.to_string(),
        misses: requests.saturating_sub(hits),
        miss_ratio: ratio(requests.saturating_sub(hits), requests).unwrap_or(0.0),
    };
    Ok(policies.into_iter().map(row).collect())
}
