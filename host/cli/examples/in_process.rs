//! What a lookup and a change cost without a protocol: `cargo run --release -p host --example in_process`.
//!
//! The keyspace of `host serve --profile medium`, with its strategies, asked by one thread for 100,000 keys with values of 128 bytes, as
//! redis-benchmark asks a server for them. Prints nanoseconds for a GET and a SET, medians of five rounds.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement: a panic is a failure")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use host_cache::Life;
use host_contract::split_mix::mix;
use host_profile::Loader;
use host_runtime::{Quiet, ServeOptions, Served};
use host_telemetry::Machine;

const KEYS: u64 = 100_000;
const ROUNDS: u64 = 5;
const CALLS: u64 = 1_000_000;

/// Random keys, one behind the other, as they come in a buffer.
fn keys(round: u64) -> Vec<[u8; 16]> {
    let key = |call| format!("key:{:012}", mix(round << 32 | call) % KEYS).into_bytes().try_into().unwrap();
    (0..CALLS).map(key).collect()
}

fn nanoseconds(calls: impl FnOnce()) -> u64 {
    let began = Instant::now();
    calls();
    u64::try_from(began.elapsed().as_nanos()).unwrap() / CALLS
}

fn median(mut of: Vec<u64>) -> u64 {
    of.sort_unstable();
    *of.get(of.len() / 2).unwrap()
}

fn main() {
    let machine = Machine::read(Path::new("."));
    let sets = ["memory.cap=2GB", "cache.max-capacity=1GB", "cache.capacity=1GB"];
    let settings = Loader::new().profile("medium").user_file(None).set(sets).load(&machine).unwrap();
    let options = ServeOptions {
        settings,
        policies: std::sync::Arc::default(),
        seed: 1,
        ledger: None,
        state_dir: None,
    };
    let served = Served::start(&options, &Quiet).unwrap();
    let keyspace = served.host().keyspace();
    let (value, mut reply) = ([b'x'; 128], Vec::new());
    let (mut gets, mut sets) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let keys = keys(round);
        let set = nanoseconds(|| {
            for key in &keys {
                black_box(keyspace.insert(key, &value[..], Life::Endless));
            }
        });
        let get = nanoseconds(|| {
            for key in &keys {
                reply.clear();
                keyspace.get_with(key, |found| found.bytes().map(|bytes| reply.extend_from_slice(bytes)));
                black_box(&reply);
            }
        });
        // The first round fills it.
        if round > 0 {
            gets.push(get);
            sets.push(set);
        }
    }
    println!("{} {}", median(gets), median(sets));
}
