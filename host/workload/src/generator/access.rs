//! Chooses the key of each request of a cache phase.

use std::collections::VecDeque;

use rand::RngExt as _;
use rand::distr::Distribution as _;
use rand_distr::Zipf;
use rand_pcg::Pcg64;

use super::{PhaseKind, Plan};
use crate::key::hash_number;

/// Keys of hot set or scan in a row, in the phase `scan`.
const RUN: u64 = 64;
/// Times the hot set moves on, in the phase `shift`.
const SHIFTS: u64 = 8;

/// The keys of a phase.
///
/// Of the 53 bits of a key the upper three are its phase, the next two its group within the phase; so no two groups share
/// a key, and consecutive keys stay consecutive.
#[derive(Clone, Debug)]
pub(super) struct Access {
    groups: u64,
    scatter: u64,
    pattern: Pattern,
}

#[derive(Clone, Debug)]
enum Pattern {
    HotSet { popularity: Option<Zipf<f64>>, pairs: u64, related_after: u64, due: VecDeque<(u64, u64)> },
    Scan { hot: u64 },
    Shift { hot: u64, requests_each: u64 },
    Loop { length: u64, next: u64 },
}

impl Access {
    /// For the phases that use the cache; any other kind is taken for `Loop`.
    pub(super) fn new(kind: PhaseKind, plan: &Plan, requests: u64, seed: u64) -> Self {
        let entries = plan.cache_entries;
        let most = entries * 4 / 5;
        let pattern = match kind {
            PhaseKind::HotSet => Pattern::HotSet {
                // Never an error: at least one key, and an exponent above 0.
                popularity: Zipf::new(float(entries * 8), 0.99).ok(),
                pairs: entries / 4,
                related_after: u64::from(plan.related_after),
                due: VecDeque::new(),
            },
            PhaseKind::Scan => Pattern::Scan { hot: most },
            PhaseKind::Shift => Pattern::Shift { hot: most, requests_each: requests.div_ceil(SHIFTS).max(1) },
            _ => Pattern::Loop { length: entries + entries / 4, next: 0 },
        };
        Self { groups: kind.number() << 50, scatter: hash_number(seed), pattern }
    }

    /// The key of request `index`; to be asked in order.
    pub(super) fn key(&mut self, index: u64, random: &mut Pcg64) -> u64 {
        let Self { groups, scatter, pattern } = self;
        let in_order = |group: u64, number: u64| *groups | group << 48 | number;
        // Multiplying by an odd number permutes the numbers of 40 bits: no two keys fall together.
        let scattered = |group: u64, number: u64| {
            in_order(group, (number ^ (*scatter >> 24)).wrapping_mul(0x9E37_79B9_7F4A_7C15) & ((1 << 40) - 1))
        };
        match pattern {
            Pattern::HotSet { popularity, pairs, related_after, due } => {
                if due.front().is_some_and(|&(when, _)| when <= index)
                    && let Some((_, pair)) = due.pop_front()
                {
                    return scattered(2, pair);
                }
                // Each lead is followed by another request: 3 in 17 others make 3 in 10 of all.
                match popularity {
                    Some(popularity) if !random.random_ratio(3, 17) => {
                        scattered(0, rank(popularity.sample(random)))
                    }
                    _ => {
                        let pair = random.random_range(0..*pairs);
                        due.push_back((index + 1 + *related_after, pair));
                        scattered(1, pair)
                    }
                }
            }
            Pattern::Scan { hot } => match (index / RUN, index % RUN) {
                (run, _) if run % 2 == 0 => scattered(0, random.random_range(0..*hot)),
                (run, offset) => in_order(1, run / 2 * RUN + offset),
            },
            Pattern::Shift { hot, requests_each } => {
                scattered(0, index / *requests_each * *hot + random.random_range(0..*hot))
            }
            Pattern::Loop { length, next } => {
                if random.random_ratio(1, 10) {
                    return in_order(0, random.random_range(0..*length));
                }
                let key = in_order(0, *next);
                *next = (*next + 1) % *length;
                key
            }
        }
    }
}

/// A count times a factor, at least 1.
#[expect(clippy::as_conversions, reason = "from float to integer there is no other, and it saturates")]
pub(super) fn scaled(count: u64, factor: f64) -> u64 {
    ((float(count) * factor).round() as u64).max(1)
}

#[expect(clippy::as_conversions, reason = "counts are far below the 2^53 up to which this is exact")]
fn float(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::as_conversions, reason = "a sample is a whole number from 1 to the number of keys")]
fn rank(sample: f64) -> u64 {
    sample as u64
}
