//! The memory of a replay for each resident object, under every policy, counted by the allocator.
//!
//! The sizes are those asked for; rounding is the allocator's own. What a growing vector has in reserve is included.
#![expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "a measurement: its numbers are far below 2^53"
)]

#[path = "../../cache/tests/support/counting.rs"]
mod counting;

use counting::held;
use host_policy::builtin;
use host_simulator::{Replay, Weigh};
use host_workload::key::hash_number;

/// Requests by the numbers of their keys: half of them ask again, half ask for something new.
fn requests(distinct: u32, lately: u32) -> Vec<u32> {
    let again =
        |number: u32| number - (hash_number(u64::from(number)) % u64::from(lately.min(number) + 1)) as u32;
    (0..distinct).flat_map(|number| [number, again(number)]).collect()
}

#[test]
fn a_replay_is_small() {
    const CAPACITY: u32 = 50_000;
    const DISTINCT: u32 = 8 * CAPACITY;
    let ids: Vec<u64> = (0..u64::from(DISTINCT)).map(hash_number).collect();
    let requests = requests(DISTINCT, 2 * CAPACITY);
    println!("bytes of a replay for each resident object, besides 12 for each distinct key");
    for kind in &builtin::ALL {
        let before = held();
        let mut replay = Replay::numbered(kind, CAPACITY.into(), Weigh::Objects);
        replay.learn(&ids);
        let mut worst = 0;
        for requests in requests.chunks(requests.len() / 16) {
            replay.feed(requests, &[]).unwrap();
            worst = worst.max(held() - before);
        }
        let each = (worst as f64 - 12.0 * f64::from(DISTINCT)) / f64::from(CAPACITY);
        println!("{:<10} {each:>6.1}", kind.name());
        assert!(each < 40.0, "{kind}: {each:.1} bytes");
    }
}
