//! Components with some bytes changed: each is refused, or runs within its limits.
//!
//! A fuzz target with sanitizers would have to build wasmtime with them; this one runs in an ordinary build, and most of what it
//! changes gets past the validation. Which bytes a run changes follows from its number.

use std::time::Instant;

use host_plugin::{Opened, bundled_policies};
use host_policy::batched::{Answer, Batch, Kind, Opening, Residents};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use super::*;

/// How far components came.
#[derive(Debug, Default)]
struct Reached {
    refused: u64,
    opened: u64,
    failed: u64,
    answered: u64,
}

/// Changes one to four places: a bit, a byte, a run of bytes copied over others, or removed.
#[expect(clippy::indexing_slicing, reason = "the place was drawn among those that there are")]
fn mutate(bytes: &mut Vec<u8>, random: &mut impl Rng) {
    for _ in 0..random.random_range(1..=4) {
        let at = random.random_range(0..bytes.len());
        let length = random.random_range(1..=16).min(bytes.len() - at);
        match random.random_range(0..8) {
            0..4 => bytes[at] ^= 1 << random.random_range(0..8),
            4..6 => bytes[at] = random.random(),
            6 => {
                let from = random.random_range(0..=bytes.len() - length);
                bytes.copy_within(from..from + length, at);
            }
            _ => drop(bytes.drain(at..at + length)),
        }
    }
}

/// What the host does with a component, up to some calls.
fn use_it(loader: &Loader, bytes: &[u8], reached: &mut Reached) {
    let hundred = Duration::from_millis(100);
    let limits = Limits { fuel: 5_000_000, deadline: hundred, start_deadline: hundred, ..Limits::default() };
    match loader.open_any(Source::Bytes { name: "mutated", bytes }, &limits) {
        Err(error) => {
            assert!(!error.to_string().is_empty());
            reached.refused += 1;
        }
        Ok(Opened::Strategy(plugin)) => {
            reached.opened += 1;
            let Ok(mut strategy) = plugin.start(&all(), &settings("turn", 1), &limits, 1) else { return };
            let failed = (1..4).any(|number| tick(&mut strategy, number).fault.is_some());
            *(if failed { &mut reached.failed } else { &mut reached.answered }) += 1;
        }
        Ok(Opened::Policy(plugin)) => {
            reached.opened += 1;
            let Ok(mut policy) = plugin.open(Opening { capacity: 8, weighed: false, seed: 1 }) else {
                return;
            };
            let mut residents = Residents::new(8);
            let failed = (0..4).any(|turn| {
                let events: Vec<u32> =
                    (0..64_u32).map(|event| Kind::Used.of(event * (turn + 1) % 24)).collect();
                let ids: Vec<u64> = events.iter().map(|event| u64::from(*event)).collect();
                let ids = if policy.wants_ids() { ids.as_slice() } else { &[] };
                let batch = Batch { events: &events, weights: &[], ids };
                let mut answer = Answer::default();
                let told = policy.turn(batch, &mut answer).is_ok();
                !told || residents.follow(batch, &answer, |_, _| ()).is_err() || policy.hand_over().is_err()
            });
            *(if failed { &mut reached.failed } else { &mut reached.answered }) += 1;
        }
    }
}

fn run(numbers: impl Iterator<Item = u64>) -> Reached {
    let sieve = bundled_policies().find(|(name, _)| *name == "sieve").unwrap().1;
    let probe = std::fs::read(&*PROBE).unwrap();
    // What is compiled here is not kept.
    let loader = Loader::new(&LoaderConfig::default()).unwrap();
    let mut reached = Reached::default();
    for number in numbers {
        let mut random = StdRng::seed_from_u64(number);
        let mut bytes = if number.is_multiple_of(2) { probe.clone() } else { sieve.to_vec() };
        mutate(&mut bytes, &mut random);
        let mut used = || use_it(&loader, &bytes, &mut reached);
        if std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut used)).is_err() {
            panic!("the host panicked: of the component that number {number} makes");
        }
    }
    reached
}

#[test]
fn a_changed_component_is_refused_or_runs_within_its_limits() {
    let reached = run(0..60);
    assert!(reached.refused > 0 && reached.opened > 0, "{reached:?}");
}

/// `HOST_FUZZ_SECONDS=3600 cargo test --release -p host-plugin --test sandbox -- --ignored mutated --nocapture`
#[test]
#[ignore = "runs for ten seconds, or for as long as HOST_FUZZ_SECONDS says"]
fn a_great_many_changed_components_are_refused_or_run_within_their_limits() {
    let seconds = std::env::var("HOST_FUZZ_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    let began = Instant::now();
    let reached = run((1_000..).take_while(|_| began.elapsed() < Duration::from_secs(seconds)));
    println!("{reached:?}");
    assert!(reached.failed > 0 && reached.answered > 0, "{reached:?}");
}
