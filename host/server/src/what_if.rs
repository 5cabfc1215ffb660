//! What the hit ratio would be under another policy or size, as the shadows say.

use host_contract::number::ratio;
use host_contract::snapshot::{Shadow, Snapshot};
use host_runtime::{Host, PrefixError};
use serde::{Deserialize, Serialize};

/// What is to be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The policy, at the present size.
    Policy,
    /// The size, under the present policy.
    Size,
    /// One of the two.
    Either,
}

/// What a miniature cache says of a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// The policy.
    pub policy: String,
    /// The capacity, bytes.
    pub capacity_bytes: u64,
    /// The same as a multiple of the present one.
    pub capacity_factor: f64,
    /// The hit ratio that it would have had since it is followed, 0.0 to 1.0; none without requests.
    pub hit_ratio: Option<f64>,
    /// The same of the last tick.
    pub window_hit_ratio: Option<f64>,
    /// Requests that it stands for.
    pub requests: u64,
    /// Share of the keys that it sees, 0.0 to 1.0.
    pub sampling_rate: f64,
}

impl From<&Shadow> for Case {
    fn from(shadow: &Shadow) -> Self {
        Self {
            policy: shadow.policy.clone(),
            capacity_bytes: shadow.capacity_bytes,
            capacity_factor: shadow.capacity_factor,
            hit_ratio: ratio(shadow.requests.saturating_sub(shadow.misses), shadow.requests),
            window_hit_ratio: shadow.window_hit_ratio(),
            requests: shadow.requests,
            sampling_rate: shadow.sampling_rate,
        }
    }
}

/// Why there are no cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoCases {
    /// There are no shadows.
    NoShadows,
    /// The prefix is watched, and there was no tick since.
    Begun,
    /// The prefix is not watched.
    Prefix(PrefixError),
}

/// What the shadows say of all requests; nothing where there are none.
pub(crate) fn what_if(snapshot: &Snapshot, what: What) -> Vec<Case> {
    cases(&snapshot.shadows, &snapshot.cache.policy, what)
}

/// The same, or of the requests for keys that begin with a prefix, where somebody asks for one.
pub(crate) fn what_if_of(host: &Host, what: What, prefix: Option<&[u8]>) -> Result<Vec<Case>, NoCases> {
    let snapshot = host.snapshot();
    let of_all = what_if(&snapshot, what);
    if of_all.is_empty() {
        return Err(NoCases::NoShadows);
    }
    let Some(prefix) = prefix else { return Ok(of_all) };
    let rows = host.watch_prefix(prefix).map_err(NoCases::Prefix)?.ok_or(NoCases::Begun)?;
    Ok(cases(&rows, &snapshot.cache.policy, what))
}

fn cases(shadows: &[Shadow], policy: &str, what: What) -> Vec<Case> {
    let (policies, sizes) = (what != What::Size, what != What::Policy);
    let wanted = |shadow: &&Shadow| {
        let same_size = (shadow.capacity_factor - 1.0).abs() < f64::EPSILON;
        (policies && same_size) || (sizes && shadow.policy == policy)
    };
    shadows.iter().filter(wanted).map(Case::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_are_those_at_this_size_and_sizes_those_of_this_policy() {
        let shadow = |policy: &str, capacity_factor| Shadow {
            policy: policy.to_owned(),
            capacity_factor,
            requests: 4,
            misses: 1,
            ..Shadow::default()
        };
        let shadows = [shadow("arc", 1.0), shadow("arc", 2.0), shadow("lru", 0.5), shadow("lru", 1.0)];
        let all = |what| {
            let cases = cases(&shadows, "lru", what);
            cases.iter().map(|case| (case.policy.clone(), case.capacity_factor)).collect::<Vec<_>>()
        };
        let of = |policy: &str, factor: f64| (policy.to_owned(), factor);
        assert_eq!(all(What::Policy), [of("arc", 1.0), of("lru", 1.0)]);
        assert_eq!(all(What::Size), [of("lru", 0.5), of("lru", 1.0)]);
        assert_eq!(all(What::Either), [of("arc", 1.0), of("lru", 0.5), of("lru", 1.0)]);
        assert_eq!(cases(&shadows, "lru", What::Either)[0].hit_ratio, Some(0.75));
    }
}
