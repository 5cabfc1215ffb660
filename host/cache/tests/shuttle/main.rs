//! The cache's races under Shuttle: one thread runs at a time, and a seeded scheduler decides at every lock,
//! atomic and yield which. Each scenario runs many times, once per schedule.
//!
//! `just shuttle` runs them; `SHUTTLE_RANDOM_SEED=N` begins with another seed, or with the one that a failure
//! printed, and `HOST_SHUTTLE_ROUNDS=N` runs N schedules of each kind. What no schedule can show is an
//! ordering weaker than sequential consistency: Shuttle knows none. Miri looks for that in the lock's own tests.
#![cfg(shuttle)]
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a test: a panic is its failure, its numbers are its own"
)]

mod batched;
mod flights;
mod history;
mod store;
mod tracked;

use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};

/// Where the schedules begin unless `SHUTTLE_RANDOM_SEED` says otherwise: a fixed place, so that a failure in CI
/// is a failure here.
const SEED: u64 = 0x5EED;

/// Schedules of each kind for each scenario.
const ROUNDS: usize = 5_000;

/// Preemptions at chosen moments that the second scheduler spends on a schedule, and one more.
const PCT_DEPTH: usize = 4;

/// Runs `scenario` under random schedules, which preempt everywhere, and under PCT's, which preempt seldom and
/// let a thread run far ahead.
fn explore(name: &str, scenario: impl Fn() + Clone + Send + Sync + 'static) {
    let rounds = std::env::var("HOST_SHUTTLE_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap());
    let seed = shuttle_seed();
    println!("{name}: {rounds} random and {rounds} PCT schedules from seed {seed}");
    run(RandomScheduler::new_from_seed(seed, rounds), scenario.clone());
    run(PctScheduler::new_from_seed(seed, PCT_DEPTH, rounds), scenario);
}

fn shuttle_seed() -> u64 {
    std::env::var("SHUTTLE_RANDOM_SEED").map_or(SEED, |seed| seed.parse().unwrap())
}

fn run(scheduler: impl Scheduler + 'static, scenario: impl Fn() + Send + Sync + 'static) {
    let mut config = Config::new();
    config.stack_size = 1 << 18;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(scenario);
}
