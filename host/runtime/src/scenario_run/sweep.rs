//! The best fixed number of workers of a scenario.
//!
//! Some twenty numbers with equal factors between them are played, then those around the best one. The best one has the
//! highest goodput over the whole scenario; among those that come within 0.5 % of it, noise decides which is highest, and
//! the one of the least 99th percentile is taken, of equals the one with the fewest workers.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use host_contract::number::to_u64;
use host_scenario::{Model, Scenario};
use parking_lot::Mutex;
use serde::Serialize;

use super::report::{BestFixed, Played};
use crate::progress::{Progress, Stop};

/// Numbers in the first round.
const FIRST: u32 = 20;
/// Numbers in each round around the best one.
const AROUND: u32 = 8;
/// Rounds around the best one.
const ROUNDS: u32 = 2;
/// Share of the highest goodput that counts as the same.
const SAME: f64 = 0.995;

/// A fixed number of workers that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// The workers.
    pub workers: u32,
    /// Requests that succeeded, a second.
    pub goodput: f64,
    /// 99th percentile of the time from a request's first submission to its success, microseconds.
    pub p99_us: f64,
}

/// Plays a scenario with a fixed number of workers.
pub(crate) fn fixed(scenario: &Scenario, workers: u32) -> Played {
    let mut model = Model::new(scenario);
    model.set_workers(workers);
    let mut played = Played::default();
    while let Some(window) = model.tick() {
        played.add(&window);
    }
    played
}

/// Searches for the best number; none where it was told to stop.
pub(crate) fn best(scenario: &Scenario, progress: &dyn Progress, stop: &Stop) -> Option<BestFixed> {
    let (least, most) = (scenario.workers.min, scenario.workers.max);
    let mut tried = BTreeMap::new();
    progress.begin("sweep", None);
    play_all(scenario, &geometric(least, most), &mut tried, progress, stop);
    for _ in 0..ROUNDS {
        let best = choose(&tried)?.workers;
        let below = tried.range(..best).next_back().map_or(best, |(workers, _)| *workers);
        let above = tried.range(best + 1..).next().map_or(best, |(workers, _)| *workers);
        let new: Vec<u32> =
            between(below, above).into_iter().filter(|workers| !tried.contains_key(workers)).collect();
        play_all(scenario, &new, &mut tried, progress, stop);
    }
    if stop.asked() {
        return None;
    }
    let best = choose(&tried)?.workers;
    progress.end(&format!("{} fixed numbers of workers tried", tried.len()));
    let tried = tried.into_values().collect();
    Some(BestFixed::new(scenario, best, fixed(scenario, best), tried))
}

/// Plays each number, on all cores.
fn play_all(
    scenario: &Scenario,
    numbers: &[u32],
    tried: &mut BTreeMap<u32, Tried>,
    progress: &dyn Progress,
    stop: &Stop,
) {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(tried);
    let work = || {
        while !stop.asked()
            && let Some(workers) = numbers.get(next.fetch_add(1, Ordering::Relaxed)).copied()
        {
            let whole = fixed(scenario, workers).whole();
            let (goodput, p99_us) = (whole.goodput, whole.p99_us);
            let mut results = results.lock();
            results.insert(workers, Tried { workers, goodput, p99_us });
            progress.at(results.len().try_into().unwrap_or(u64::MAX));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(numbers.len());
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
}

fn choose(tried: &BTreeMap<u32, Tried>) -> Option<&Tried> {
    let highest = tried.values().map(|tried| tried.goodput).fold(0.0, f64::max);
    let good = tried.values().filter(|tried| tried.goodput >= highest * SAME);
    good.min_by(|a, b| a.p99_us.total_cmp(&b.p99_us).then(a.workers.cmp(&b.workers)))
}

/// Numbers with equal factors between them, both ends among them.
fn geometric(least: u32, most: u32) -> Vec<u32> {
    let factor = f64::from(most) / f64::from(least.max(1));
    let at = |step: u32| {
        let exponent = f64::from(step) / f64::from(FIRST - 1);
        small(to_u64(f64::from(least) * factor.powf(exponent))).clamp(least, most)
    };
    let mut numbers: Vec<u32> = (0..FIRST).map(at).collect();
    numbers.dedup();
    numbers
}

/// Numbers at equal distances, both ends among them.
fn between(below: u32, above: u32) -> Vec<u32> {
    let distance = f64::from(above - below);
    let at = |step: u32| below + small(to_u64(distance * f64::from(step) / f64::from(AROUND + 1)));
    let mut numbers: Vec<u32> = (0..=AROUND + 1).map(at).collect();
    numbers.dedup();
    numbers
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::Quiet;
    use host_scenario::bundled;

    #[test]
    fn numbers_cover_their_range() {
        let numbers = geometric(1, 200);
        assert_eq!((numbers.first(), numbers.last()), (Some(&1), Some(&200)));
        assert!(numbers.len() >= 14 && numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
        assert_eq!(geometric(7, 7), [7]);
        assert_eq!(between(3, 5), [3, 4, 5]);
        assert_eq!(between(4, 4), [4]);
    }

    #[test]
    fn of_those_that_are_as_good_the_one_with_the_least_tail_and_then_the_fewest_workers_is_chosen() {
        let tried = [(1, 50.0, 1.0), (8, 99.6, 5.0), (16, 100.0, 7.0), (20, 99.7, 5.0), (64, 99.4, 2.0)];
        let tried = tried
            .into_iter()
            .map(|(workers, goodput, p99_us)| (workers, Tried { workers, goodput, p99_us }))
            .collect();
        assert_eq!(choose(&tried).map(|tried| tried.workers), Some(8));
        assert_eq!(choose(&BTreeMap::new()), None);
    }

    #[test]
    fn it_finds_the_knee() {
        let mut scenario = bundled::find("knee-deep").unwrap().scenario().unwrap();
        scenario.phases.truncate(1);
        let best = best(&scenario, &Quiet, &Stop::default()).unwrap();
        assert!((30..=34).contains(&best.workers), "{}", best.workers);
        assert!(best.tried.len() > 20 && best.ticks.len() == 120);
        let stopped = Stop::default();
        stopped.ask();
        assert!(super::best(&scenario, &Quiet, &stopped).is_none());
    }
}
