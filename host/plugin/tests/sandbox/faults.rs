//! Hostile strategies: each ends with the fault that it has earned, and a text that says so.

use std::time::{Duration, Instant};

use host_control::{Fault, Strategy};
use host_plugin::{Limits, Time};

use super::{limits, messages, out_of_fuel, past_deadline, probe, probe_with, tick};

fn fault_of(act: &str) -> Fault {
    let mut strategy = probe(act, 1);
    let outcome = tick(&mut strategy, 1);
    let fault = outcome.fault.unwrap();
    let again = tick(&mut strategy, 2);
    assert_eq!(again.fault.as_ref(), Some(&fault), "a dead strategy answers what killed it");
    assert_eq!(again.usage.fuel, 0);
    fault
}

#[test]
fn looping_for_ever_burns_the_fuel() {
    assert_eq!(fault_of("loop"), out_of_fuel("probe", limits().fuel));
}

#[test]
fn calling_the_host_for_ever_burns_the_fuel_too() {
    let outcome = tick(&mut probe("accesses-only", u32::MAX), 1);
    assert_eq!(outcome.fault, Some(out_of_fuel("probe", limits().fuel)));
    let again = tick(&mut probe("accesses-only", u32::MAX), 1);
    assert_eq!(outcome.usage.fuel, again.usage.fuel);
    assert!(outcome.usage.fuel < 2 * limits().fuel, "it was stopped by what its calls cost");
}

/// What a guest makes the host copy and keep is paid for, so that it ends at the same place twice where no clock of the
/// machine counts.
#[test]
fn handing_over_much_again_and_again_burns_the_fuel_too() {
    let limits = Limits { fuel: 10_000_000, time: Time::Virtual, ..limits() };
    for act in ["log-large", "print-large", "random", "clock", "state-large"] {
        let run = || tick(&mut probe_with(act, u32::MAX, &limits, 1), 1);
        let (once, twice) = (run(), run());
        assert_eq!(once.fault, Some(out_of_fuel("probe", limits.fuel)), "{act}");
        assert_eq!(once.usage.fuel, twice.usage.fuel, "{act}");
        assert_eq!(once.log, twice.log, "{act}");
        assert!(once.usage.fuel < 2 * limits.fuel, "{act} was stopped by what its calls cost");
        let kept: usize = once.log.iter().map(|line| line.message.len()).sum();
        assert!(kept <= 66_000, "{act} has {kept} bytes kept");
    }
}

#[test]
fn what_the_host_does_for_a_guest_counts_against_its_deadline() {
    let deadline = Duration::from_millis(5);
    let limits = Limits { deadline, time: Time::Virtual, ..limits() };
    let outcome = tick(&mut probe_with("log-large", u32::MAX, &limits, 1), 1);
    assert_eq!(outcome.fault, Some(past_deadline("probe", 5)));
    let again = tick(&mut probe_with("log-large", u32::MAX, &limits, 1), 1);
    assert_eq!(outcome.usage.fuel, again.usage.fuel, "it is stopped at the same place twice");
}

#[test]
fn where_time_is_virtual_waiting_counts_and_the_machine_s_clock_does_not() {
    let short = Limits { deadline: Duration::from_millis(1), time: Time::Virtual, ..limits() };
    assert_eq!(tick(&mut probe_with("loop", 1, &short, 1), 1).fault, Some(out_of_fuel("probe", short.fuel)));
    assert_eq!(tick(&mut probe_with("nap", 1, &short, 1), 1).fault, Some(past_deadline("probe", 1)));
}

#[test]
fn what_it_printed_stands_beside_its_trap() {
    let text = fault_of("print-and-exit").to_string();
    assert_eq!(text, r#"trapped: it called exit(1); the last it printed: "to stdout", "to stderr""#);
    let text = fault_of("print-and-panic").to_string();
    assert!(text.starts_with("trapped: panicked at src/lib.rs:"), "{text}");
    assert!(
        text.ends_with(
            r#": no such policy (wasm `unreachable` instruction executed); the last it printed: "to stdout", "to stderr""#
        ),
        "{text}"
    );
}

#[test]
fn looping_with_more_fuel_than_time_ends_at_the_deadline() {
    let deadline = Duration::from_millis(30);
    let limits = Limits { fuel: u64::MAX / 100, deadline, ..limits() };
    let mut strategy = probe_with("loop", 1, &limits, 1);
    let outcome = tick(&mut strategy, 1);
    assert_eq!(outcome.fault, Some(past_deadline("probe", 30)));
    assert!(outcome.usage.wall >= deadline);
}

#[test]
fn allocating_for_ever_ends_at_the_memory_cap() {
    let cap = limits().memory_bytes;
    let fault = fault_of("allocate");
    assert_eq!(fault, Fault::OutOfMemory { bytes: cap, key: "strategies.probe.limits.memory".to_owned() });
    assert_eq!(
        fault.to_string(),
        "asked for more memory than its limit of 64000000 bytes; raise `strategies.probe.limits.memory` if it needs more"
    );
    let outcome = tick(&mut probe("allocate", 1), 1);
    assert!(outcome.usage.memory_bytes <= cap && outcome.usage.memory_bytes > cap / 2);
}

#[test]
fn recursing_for_ever_overflows_a_stack_of_the_guest() {
    let text = fault_of("recurse").to_string();
    assert!(text.starts_with("trapped: ") && text.contains("recursion"), "{text}");
}

#[test]
fn a_panic_is_shown_with_its_place_and_message() {
    let text = fault_of("panic").to_string();
    assert!(text.starts_with("trapped: panicked at src/lib.rs:"), "{text}");
    assert!(text.ends_with(": no such policy (wasm `unreachable` instruction executed)"), "{text}");
}

#[test]
fn leaving_by_exit_is_a_trap() {
    let text = fault_of("exit").to_string();
    assert!(text.starts_with("trapped: it called exit("), "{text}");
}

#[test]
fn an_error_of_its_own_is_passed_on() {
    assert_eq!(fault_of("fail"), Fault::Answer("nothing to do".to_owned()));
    assert_eq!(fault_of("bad-setting"), Fault::Answer("setting `times`: expected an even number".to_owned()));
}

#[test]
fn handing_over_megabytes_in_one_call_is_a_trap() {
    let text = fault_of("flood").to_string();
    assert_eq!(
        text,
        "trapped: too much data is being copied between the host and the guest: fuel allocated for hostcalls has \
         been exhausted"
    );
}

#[test]
fn sleeping_past_the_deadline_is_noticed_at_once() {
    let deadline = Duration::from_secs(30);
    let began = Instant::now();
    let mut strategy = probe_with("sleep", 1, &Limits { deadline, ..limits() }, 1);
    let outcome = tick(&mut strategy, 1);
    assert_eq!(outcome.fault, Some(past_deadline("probe", 30_000)));
    assert!(began.elapsed() < deadline, "it was not waited for");
}

#[test]
fn a_nap_within_the_deadline_takes_virtual_time_only() {
    let outcome = tick(&mut probe("nap", 100), 1);
    assert_eq!(outcome.fault, None);
    assert!(messages(&outcome)[..64].iter().all(|message| *message == "10"));
}

#[test]
fn what_was_proposed_before_a_fault_is_handed_back() {
    let limits = Limits { fuel: 100_000, ..limits() };
    let outcome = tick(&mut probe_with("capacity", u32::MAX, &limits, 1), 1);
    assert_eq!(outcome.fault, Some(out_of_fuel("probe", 100_000)));
    assert!(!outcome.context.proposals().is_empty());
}

#[test]
fn one_that_fails_leaves_the_others_alone() {
    let (mut bad, mut good) = (probe("panic", 1), probe("count", 1));
    assert!(tick(&mut bad, 1).fault.is_some());
    assert_eq!(tick(&mut good, 1).fault, None);
    assert_eq!(good.identity().name, "probe");
}

#[test]
fn one_that_is_started_again_has_a_fresh_store() {
    let mut strategy = probe("count", 1);
    tick(&mut strategy, 1);
    assert_eq!(messages(&tick(&mut strategy, 2))[0].split(' ').next(), Some("2"));
    let cost = strategy.restart().unwrap();
    assert_eq!(cost.fuel, strategy.start_usage().fuel);
    assert_eq!(messages(&tick(&mut strategy, 3))[0].split(' ').next(), Some("1"), "its memory begins anew");

    let mut strategy = probe("panic", 1);
    let fault = tick(&mut strategy, 1).fault.unwrap();
    strategy.restart().unwrap();
    let again = tick(&mut strategy, 2);
    assert!(again.usage.fuel > 0, "it was called, and did not answer what it died of before");
    assert_eq!(again.fault, Some(fault));
}

#[test]
fn random_bytes_are_others_after_a_restart_and_the_same_in_each_run() {
    let run = || {
        let mut strategy = probe("random", 1);
        let first = tick(&mut strategy, 1);
        strategy.restart().unwrap();
        let second = tick(&mut strategy, 2);
        (messages(&first).join(""), messages(&second).join(""))
    };
    let (first, second) = run();
    assert_ne!(first, second);
    assert_eq!((first, second), run());
}
