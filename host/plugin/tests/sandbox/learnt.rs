//! What a strategy has learnt: it outlives the instance, counts after a good tick, and is bounded.

use host_control::{Fault, Strategy};
use host_plugin::{Limits, StateStore, WasmStrategy};

use super::{limits, messages, probe, probe_with, tick};

/// The probe over what was learnt under its name.
fn over(store: &StateStore, act: &str, times: u32) -> WasmStrategy {
    probe(act, times).keeping(store.of("probe"))
}

#[test]
fn another_instance_of_the_same_name_goes_on_from_it() {
    let store = StateStore::in_memory();
    let mut one = over(&store, "state", 2);
    assert_eq!(messages(&tick(&mut one, 1)), ["0 [] Ok(())", r#"1 ["n"] Ok(())"#]);
    assert_eq!(messages(&tick(&mut one, 2))[0], r#"2 ["n"] Ok(())"#);
    let mut two = over(&store, "state", 1);
    assert_eq!(messages(&tick(&mut two, 3)), [r#"4 ["n"] Ok(())"#]);
    drop((one, two));
    assert_eq!(messages(&tick(&mut over(&store, "state", 1), 4)), [r#"5 ["n"] Ok(())"#]);
    assert_eq!(
        messages(&tick(&mut probe("state", 1), 5)),
        ["0 [] Ok(())"],
        "another run begins with nothing"
    );
}

#[test]
fn a_tick_that_fails_changes_nothing_and_a_restart_finds_what_stood_before() {
    let store = StateStore::in_memory();
    tick(&mut over(&store, "state", 3), 1);
    let mut fails = over(&store, "state-and-fail", 1);
    for at in 2..4 {
        let response = tick(&mut fails, at);
        assert_eq!(response.fault, Some(Fault::Answer("not this time".to_owned())));
        assert_eq!(messages(&response), [r#"3 ["n"] Ok(())"#]);
        fails.restart().unwrap();
    }
    // Also without a store around it.
    let mut alone = probe("state", 1);
    tick(&mut alone, 1);
    alone.restart().unwrap();
    assert_eq!(messages(&tick(&mut alone, 2)), [r#"1 ["n"] Ok(())"#]);
}

#[test]
fn what_does_not_fit_is_refused_with_the_key_that_raises_the_limit() {
    let response = tick(&mut probe("state-limits", 1), 1);
    assert_eq!(
        messages(&response),
        [
            r#"Err(StateError::BadKey("a key is empty: 1 to 128 bytes are allowed"))"#,
            "not all that it has learnt is kept: at most 256000 bytes are kept; raise `strategies.probe.limits.state-bytes` to \
             keep more",
            r#"Err(StateError::TooLarge("at most 256000 bytes are kept; raise `strategies.probe.limits.state-bytes` to keep more"))"#,
            r#"Some((64, StateError::TooManyKeys("at most 64 keys are kept; raise `strategies.probe.limits.state-keys` to keep more"))) 64"#,
            "true false",
        ]
    );
    assert_eq!((response.log[1].level, response.log[1].context.as_str()), ("warn", "host"));
    let none = Limits { state_keys: 0, state_bytes: 0, ..limits() };
    let response = tick(&mut probe_with("state", 1, &none, 1), 1);
    assert!(messages(&response)[1].contains("at most 0 keys are kept"), "{response:?}");
}

#[test]
fn more_than_the_host_takes_in_one_call_ends_the_tick() {
    let fault = tick(&mut probe("state-flood", 1), 1).fault;
    assert!(matches!(fault, Some(Fault::Trap { .. })), "{fault:?}");
}
