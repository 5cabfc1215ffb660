//! Describes a trace: popularity, reuse, runs, sizes.
//!
//! The figures are exact and take one reading. Memory grows with the distinct keys and not with the requests: about 60
//! bytes a key, at most 100 while a table grows (the table of keys 20 to 40, counts and sizes 12, [`StackDistances`] 25). A
//! request takes O(log d) time with d distinct keys.
//!
//! It fails where there are more than [`MAX_KEYS`] distinct keys.

mod first_appearance;
mod stack;

use hashbrown::HashMap;
use serde::Serialize;

pub use first_appearance::FirstAppearance;
pub use stack::{MAX_KEYS, StackDistances};

use crate::key;
use crate::trace::{RawBatch, RawKey, Request};

/// More distinct keys than can be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {MAX_KEYS} distinct keys")]
pub struct TooManyKeys;

/// Reads requests and says what they are like.
#[derive(Debug, Default)]
pub struct Analysis {
    /// Number of a key, by its hash.
    numbers: HashMap<u64, u32>,
    /// By the number of a key: requests for it, and its first size that is known.
    counts: Vec<u64>,
    sizes: Vec<u32>,
    distances: StackDistances,
    requests: u64,
    requested_bytes: u64,
    sized: u64,
    runs: Runs,
    first_appearance: FirstAppearance,
    unordered: u64,
}

/// How many requests go on where the one before ended.
#[derive(Debug, Default)]
enum Runs {
    #[default]
    Unknown,
    Numbers {
        last: u64,
        sequential: u64,
    },
    /// There is a key that is no number.
    Texts,
}

/// What a trace is like. `host trace info --json` prints this object.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TraceInfo {
    /// Requests read.
    pub requests: u64,
    /// Distinct keys among them.
    pub distinct: u64,
    /// Keys asked for once, as a share of the distinct keys.
    pub one_hit_share: f64,
    /// Requests for the one percent (rounded up) of the keys that are asked for most, as a share of the requests.
    pub top_percent_share: f64,
    /// Requests for the number after the one asked for just before, as a share of the requests but the first. Nothing
    /// where a key is no number or where there is one request. It says nothing of the recorded system where keys were
    /// numbered by first appearance.
    pub sequential_share: Option<f64>,
    /// Whether keys seem to be numbered by first appearance, see [`FirstAppearance`].
    pub numbered_by_first_appearance: bool,
    /// Requests whose key is no number up to [`key::MAX`]: it is hashed even where keys are ordered.
    pub unordered_requests: u64,
    /// Requests for a key that was asked for before: the hits of a cache that holds everything, as a share of the requests.
    pub reuse_share: f64,
    /// Over these requests, the exact LRU stack distance: how many objects an LRU cache has to hold for them to hit.
    /// Nothing where no key comes twice.
    pub reuse_distance: Option<Quantiles>,
    /// Sizes; nothing where the trace has none.
    pub sizes: Option<Sizes>,
}

/// Quantiles of a distribution: the smallest value that this share of all values does not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Quantiles {
    /// Half of all.
    pub p50: u64,
    /// Nine in ten.
    pub p90: u64,
    /// Ninety-nine in a hundred.
    pub p99: u64,
}

/// Sizes of objects in bytes. An object has the first size above 0 that the trace gives its key.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Sizes {
    /// All objects together: what a cache has to hold to miss nothing twice.
    pub footprint_bytes: u64,
    /// All requests together, each with its own size.
    pub requested_bytes: u64,
    /// The smallest object.
    pub min_bytes: u32,
    /// The mean over the objects that have a size.
    pub mean_bytes: f64,
    /// The largest object.
    pub max_bytes: u32,
    /// Requests without a size, as a share of the requests.
    pub unsized_share: f64,
}

impl Analysis {
    /// Takes in a batch of requests.
    ///
    /// # Errors
    /// [`TooManyKeys`].
    pub fn add(&mut self, batch: &RawBatch) -> Result<(), TooManyKeys> {
        for (request, name) in batch.iter() {
            let number = match name {
                RawKey::Number(number) => Some(number),
                RawKey::Text(_) => None,
            };
            if self.request(request)? {
                self.first_appearance.note(number);
            }
            self.unordered += u64::from(number.is_none_or(|number| number > key::MAX));
            self.runs.note(number);
        }
        Ok(())
    }

    /// Takes in a request; true where its key is new.
    fn request(&mut self, request: Request) -> Result<bool, TooManyKeys> {
        let known = self.numbers.get(&request.key).copied();
        let number = match known {
            Some(number) => number,
            None => {
                let number = u32::try_from(self.counts.len())
                    .ok()
                    .filter(|&number| number < MAX_KEYS)
                    .ok_or(TooManyKeys)?;
                self.numbers.insert(request.key, number);
                self.counts.push(0);
                self.sizes.push(0);
                number
            }
        };
        self.distances.access(number);
        self.requests += 1;
        let at = usize::try_from(number).map_err(|_| TooManyKeys)?;
        if let Some(count) = self.counts.get_mut(at) {
            *count += 1;
        }
        if request.size > 0 {
            self.sized += 1;
            self.requested_bytes = self.requested_bytes.saturating_add(u64::from(request.size));
            if let Some(size) = self.sizes.get_mut(at).filter(|size| **size == 0) {
                *size = request.size;
            }
        }
        Ok(known.is_none())
    }

    /// What the requests taken in so far are like.
    #[must_use]
    pub fn finish(mut self) -> TraceInfo {
        let distinct = count(self.counts.len());
        let once = count(self.counts.iter().filter(|&&requests| requests == 1).count());
        let top = self.counts.len().div_ceil(100);
        let top_requests: u64 = match top.checked_sub(1) {
            Some(last) => {
                self.counts.select_nth_unstable_by(last, |a, b| b.cmp(a));
                self.counts.iter().take(top).sum()
            }
            None => 0,
        };
        let quantile = |share| self.distances.quantile(share);
        let reuse_distance = quantile(0.5)
            .zip(quantile(0.9).zip(quantile(0.99)))
            .map(|(p50, (p90, p99))| Quantiles { p50, p90, p99 });
        TraceInfo {
            requests: self.requests,
            distinct,
            one_hit_share: share(once, distinct),
            top_percent_share: share(top_requests, self.requests),
            sequential_share: self.runs.share(self.requests),
            numbered_by_first_appearance: self.first_appearance.is_likely(),
            unordered_requests: self.unordered,
            reuse_share: share(self.requests - distinct, self.requests),
            reuse_distance,
            sizes: self.sizes(),
        }
    }

    fn sizes(&self) -> Option<Sizes> {
        let known = || self.sizes.iter().copied().filter(|&size| size > 0);
        let (min_bytes, max_bytes) = (known().min()?, known().max()?);
        let footprint_bytes = known().map(u64::from).sum();
        Some(Sizes {
            footprint_bytes,
            requested_bytes: self.requested_bytes,
            min_bytes,
            mean_bytes: share(footprint_bytes, count(known().count())),
            max_bytes,
            unsized_share: share(self.requests - self.sized, self.requests),
        })
    }
}

impl Runs {
    fn note(&mut self, number: Option<u64>) {
        *self = match (&*self, number) {
            (Self::Texts, _) | (_, None) => Self::Texts,
            (Self::Unknown, Some(last)) => Self::Numbers { last, sequential: 0 },
            (&Self::Numbers { last, sequential }, Some(number)) => {
                let follows = last.checked_add(1) == Some(number);
                Self::Numbers { last: number, sequential: sequential + u64::from(follows) }
            }
        };
    }

    fn share(&self, requests: u64) -> Option<f64> {
        match self {
            Self::Numbers { sequential, .. } if requests > 1 => Some(share(*sequential, requests - 1)),
            _ => None,
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[expect(
    clippy::as_conversions,
    reason = "counts far below 2^53, and a ratio of larger ones loses nothing that is shown"
)]
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(requests: &[(RawKey<'_>, u32)]) -> TraceInfo {
        let mut analysis = Analysis::default();
        // Two batches: nothing may depend on where one ends.
        for half in requests.chunks(requests.len().div_ceil(2).max(1)) {
            let mut batch = RawBatch::default();
            half.iter().for_each(|(key, size)| batch.push(*key, *size));
            analysis.add(&batch).unwrap();
        }
        analysis.finish()
    }

    fn numbers(keys: &[u64]) -> TraceInfo {
        info(&keys.iter().map(|&key| (RawKey::Number(key), 0)).collect::<Vec<_>>())
    }

    #[test]
    fn popularity_and_runs() {
        let found = numbers(&[1, 2, 3, 2, 3, 9]);
        assert_eq!((found.requests, found.distinct), (6, 4));
        // 1 and 9 of four keys; one key of four is the top percent, with two of six requests; three of five steps go up.
        assert_eq!((found.one_hit_share, found.top_percent_share), (0.5, 2.0 / 6.0));
        assert_eq!(found.sequential_share, Some(0.6));
        assert_eq!(found.reuse_share, 2.0 / 6.0);
        assert_eq!(found.reuse_distance, Some(Quantiles { p50: 2, p90: 2, p99: 2 }));
        assert_eq!(found.sizes, None);
    }

    #[test]
    fn the_top_percent_is_rounded_up() {
        let mut keys: Vec<u64> = (0..201).collect();
        keys.extend([7; 10]);
        keys.extend([8; 20]);
        keys.extend([9; 30]);
        // Three of 201 keys.
        assert_eq!(numbers(&keys).top_percent_share, 63.0 / 261.0);
    }

    #[test]
    fn the_last_number_has_none_after_it() {
        assert_eq!(numbers(&[u64::MAX, 0]).sequential_share, Some(0.0));
        assert_eq!(numbers(&[5]).sequential_share, None);
    }

    #[test]
    fn runs_of_texts_are_not_made_up() {
        let found = info(&[(RawKey::Number(1), 0), (RawKey::Text(b"a"), 0), (RawKey::Number(2), 0)]);
        assert_eq!(found.sequential_share, None);
        assert_eq!((found.distinct, found.reuse_distance), (3, None));
        assert_eq!(found.unordered_requests, 1);
    }

    #[test]
    fn an_object_has_the_first_size_that_is_known() {
        let keys = [(1, 0), (1, 10), (1, 50), (2, 30), (3, 0)];
        let found = info(&keys.map(|(key, size)| (RawKey::Number(key), size)));
        let sizes = Sizes {
            footprint_bytes: 40,
            requested_bytes: 90,
            min_bytes: 10,
            mean_bytes: 20.0,
            max_bytes: 30,
            unsized_share: 0.4,
        };
        assert_eq!(found.sizes, Some(sizes));
    }

    #[test]
    fn nothing_is_said_of_nothing() {
        let found = Analysis::default().finish();
        assert_eq!((found.requests, found.distinct, found.one_hit_share), (0, 0, 0.0));
        assert_eq!((found.sequential_share, found.reuse_distance, found.sizes), (None, None, None));
    }
}
