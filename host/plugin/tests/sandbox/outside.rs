//! The world outside the sandbox: none of it is there.

use super::{limits, messages, probe, probe_with, tick};

#[test]
fn no_file_socket_environment_or_input_is_reachable() {
    let outcome = tick(&mut probe("outside", 1), 1);
    assert_eq!(outcome.fault, None, "{:?}", outcome.log);
    let seen = messages(&outcome);
    assert_eq!(seen.len(), 10, "{seen:?}");
    assert!(seen.iter().all(|line| line.ends_with(" closed")), "{seen:?}");
}

#[test]
fn the_date_is_the_run_s_own() {
    let seen = |at| messages(&tick(&mut probe("clock", 1), at))[0].to_owned();
    assert_eq!(seen(0), "1767225600000000000");
    assert_eq!(seen(5), "1767225605000000000");
}

#[test]
fn randomness_comes_from_the_seed_alone() {
    let seen = |seed| messages(&tick(&mut probe_with("random", 1, &limits(), seed), 1))[0].to_owned();
    assert_eq!(seen(1), seen(1));
    assert_ne!(seen(1), seen(2));
}
