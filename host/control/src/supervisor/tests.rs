//! The state machine, by hand and against any sequence of ends.

use proptest::prelude::*;

use super::*;

/// Calls the strategy in every tick of `ticks`; `ends_well` says how each call ends. Returns the ticks in which it was
/// started again.
fn run(
    supervisor: &mut Supervisor,
    ticks: std::ops::Range<u64>,
    mut ends_well: impl FnMut(u64) -> bool,
) -> Vec<u64> {
    let mut restarted = Vec::new();
    for tick in ticks {
        let turn = supervisor.turn(tick);
        if turn == Turn::Restart {
            restarted.push(tick);
        }
        if turn != Turn::Rest {
            if ends_well(tick) {
                supervisor.ended_well();
            } else {
                supervisor.failed(tick, 0).unwrap();
            }
        }
    }
    restarted
}

#[test]
fn it_is_active_once_a_tick_has_ended() {
    let mut supervisor = Supervisor::new();
    assert_eq!((supervisor.state(), supervisor.turn(1)), (State::Loading, Turn::Call));
    supervisor.ended_well();
    assert_eq!(supervisor.state(), State::Active);
}

#[test]
fn rests_double_up_to_the_longest_and_then_it_is_quarantined() {
    let mut supervisor = Supervisor::new();
    let restarted = run(&mut supervisor, 0..10_000, |_| false);
    // Rests of 4, 8, 16, 32, 64 and 64 ticks.
    assert_eq!(restarted, [4, 12, 28, 60, 124, 188]);
    assert_eq!(supervisor.state(), State::Quarantined);
    assert_eq!((supervisor.restarts(), supervisor.failures(), supervisor.restarts_left()), (6, 7, 0));
}

#[test]
fn one_that_fails_now_and_then_is_always_started_again() {
    let mut supervisor = Supervisor::new();
    let restarted = run(&mut supervisor, 1..100_000, |tick| !tick.is_multiple_of(100));
    assert_eq!(restarted.len(), 999);
    assert_eq!(supervisor.state(), State::Active);
    assert!(restarted.iter().all(|tick| tick % 100 == FIRST_REST_TICKS), "its rests stay short");
}

#[test]
fn healthy_ticks_give_a_restart_back() {
    let mut supervisor = Supervisor::new();
    run(&mut supervisor, 0..5, |tick| tick > 0);
    assert_eq!(supervisor.restarts_left(), RESTARTS - 1);
    run(&mut supervisor, 5..4 + HEALTHY_TICKS, |_| true);
    assert_eq!(supervisor.restarts_left(), RESTARTS);
}

#[test]
fn ticks_before_a_failure_count_for_nothing_after_it() {
    let mut supervisor = Supervisor::new();
    run(&mut supervisor, 0..5, |tick| tick > 0);
    // One short of a restart given back, a failure, and as many again.
    run(&mut supervisor, 5..3 + HEALTHY_TICKS, |_| true);
    assert_eq!(supervisor.restarts_left(), RESTARTS - 1);
    let failed_in = 3 + HEALTHY_TICKS;
    run(&mut supervisor, failed_in..failed_in + HEALTHY_TICKS, |tick| tick > failed_in);
    assert_eq!(supervisor.restarts_left(), RESTARTS - 2);
}

#[test]
fn nobody_comes_back_who_is_retired() {
    let mut supervisor = Supervisor::new();
    supervisor.failed(1, 0).unwrap();
    assert!(supervisor.retire());
    assert!(!supervisor.retire());
    assert_eq!(supervisor.turn(u64::MAX), Turn::Rest);
    supervisor.ended_well();
    assert_eq!((supervisor.failed(2, 0), supervisor.state()), (None, State::Retired));
}

#[test]
fn a_reset_brings_back_who_is_out_with_a_full_budget() {
    let mut supervisor = Supervisor::new();
    run(&mut supervisor, 0..10_000, |_| false);
    assert_eq!((supervisor.state(), supervisor.restarts_left()), (State::Quarantined, 0));
    assert_eq!(supervisor.reset(), Reset::Restart);
    assert_eq!((supervisor.state(), supervisor.turn(10_000)), (State::Loading, Turn::Call));
    assert_eq!((supervisor.restarts(), supervisor.restarts_left()), (7, RESTARTS));
    // It has all its rests again, and one that backs off need not wait for the end of its rest.
    assert_eq!(supervisor.failed(10_000, 0), Some(Sentence::BackOff { ticks: 4, until: 10_004 }));
    assert_eq!(supervisor.reset(), Reset::Restart);
    assert_eq!(supervisor.turn(10_001), Turn::Call);
}

#[test]
fn a_reset_of_who_takes_part_fills_its_budget_and_one_that_is_retired_stays_out() {
    let mut supervisor = Supervisor::new();
    run(&mut supervisor, 0..6, |tick| tick > 0);
    assert_eq!((supervisor.state(), supervisor.restarts_left()), (State::Active, RESTARTS - 1));
    assert_eq!(supervisor.reset(), Reset::Refill);
    assert_eq!(
        (supervisor.state(), supervisor.restarts_left(), supervisor.restarts()),
        (State::Active, RESTARTS, 1)
    );
    supervisor.start_over();
    assert_eq!((supervisor.state(), supervisor.restarts()), (State::Loading, 2));
    assert!(supervisor.retire());
    assert_eq!((supervisor.reset(), supervisor.state()), (Reset::Refuse, State::Retired));
    supervisor.start_over();
    assert_eq!(supervisor.state(), State::Retired);
}

#[test]
fn the_last_tick_there_is_does_not_overflow() {
    let mut supervisor = Supervisor::new();
    assert_eq!(
        supervisor.failed(u64::MAX, u64::MAX),
        Some(Sentence::BackOff { ticks: rest(0, u64::MAX), until: u64::MAX })
    );
    assert_eq!(rest(u32::MAX, 0), LONGEST_REST_TICKS);
}

proptest! {
    /// Whatever it does, a strategy is never called while it rests, rests as long as it was told, and is started again no
    /// more often than its budget and its healthy ticks allow.
    #[test]
    fn any_sequence_of_ends_keeps_to_the_rules(
        chances in proptest::collection::vec(any::<u64>(), 1..1_500),
        fails_of_ten in 0_u64..=10,
    ) {
        let mut supervisor = Supervisor::new();
        let (mut until, mut restarts, mut healthy, mut given_back) = (None::<u64>, 0_u64, 0_u64, 0_u64);
        let mut quarantined = false;
        for (tick, chance) in (1_u64..).zip(chances) {
            let turn = supervisor.turn(tick);
            match (quarantined, until) {
                (true, _) => prop_assert_eq!(turn, Turn::Rest),
                (false, Some(until)) if tick < until => prop_assert_eq!(turn, Turn::Rest),
                (false, Some(_)) => prop_assert_eq!(turn, Turn::Restart),
                (false, None) => prop_assert_eq!(turn, Turn::Call),
            }
            if turn == Turn::Rest {
                prop_assert!(!supervisor.state().takes_part());
                continue;
            }
            until = None;
            restarts += u64::from(turn == Turn::Restart);
            if chance % 10 >= fails_of_ten {
                supervisor.ended_well();
                healthy += 1;
                if healthy == HEALTHY_TICKS {
                    (healthy, given_back) = (0, given_back + 1);
                }
                prop_assert_eq!(supervisor.state(), State::Active);
            } else {
                healthy = 0;
                match supervisor.failed(tick, chance) {
                    Some(Sentence::BackOff { ticks, until: then }) => {
                        prop_assert!((FIRST_REST_TICKS..=LONGEST_REST_TICKS * 3 / 2).contains(&ticks));
                        prop_assert_eq!(then, tick + ticks);
                        until = Some(then);
                    }
                    Some(Sentence::Quarantine) => {
                        prop_assert_eq!(supervisor.restarts_left(), 0);
                        quarantined = true;
                    }
                    None => prop_assert!(false, "it took part"),
                }
            }
            prop_assert_eq!(supervisor.restarts(), restarts);
            prop_assert!(restarts <= u64::from(RESTARTS) + given_back);
        }
    }

    /// A rest is never shorter than without jitter, never longer by more than half, and never shorter for more failures.
    #[test]
    fn rests_grow_and_jitter_is_bounded(spent in 0_u32..80, chance in any::<u64>()) {
        let least = rest(spent, 0);
        prop_assert!((least..=least + least / 2).contains(&rest(spent, chance)));
        prop_assert!(rest(spent + 1, 0) >= least);
        prop_assert!(least <= LONGEST_REST_TICKS);
    }
}
