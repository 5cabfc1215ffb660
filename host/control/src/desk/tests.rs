//! What the desk answers, case by case.

use super::*;

fn desk() -> Desk {
    let bounds = Bounds {
        policies: vec!["lru".into(), "arc".into()],
        capacity: 100..=2_000,
        cpu_workers: Some(1..=4),
        io_workers: None,
        prefetch_in_flight: Some(0..=16),
        prefetch_share: 0.5,
        max_rules: 2,
    };
    let cooling = BTreeMap::from([(Control::CacheCapacity, 9)]);
    Desk::new(Control::ALL.into_iter().collect(), Arc::new(bounds), Arc::new(cooling), BTreeSet::new())
}

fn sequential(id: u32, stride: i64, depth: u32) -> Proposal {
    Proposal::InstallRule { id, rule: PrefetchRule::Sequential { stride, depth } }
}

#[test]
fn nonsense_is_clamped_or_refused_with_its_reason() {
    let mut desk = desk();
    let budget = |max_in_flight, cache_share| Proposal::PrefetchBudget(Budget { max_in_flight, cache_share });
    let none = Proposal::InstallRule { id: 1, rule: PrefetchRule::Association { key: 1, targets: vec![] } };
    let known = vec!["lru".to_owned(), "arc".to_owned()];
    for (proposal, expected) in [
        (Proposal::CpuWorkers(u32::MAX), Ok(Acceptance::Clamped(4))),
        (Proposal::CpuWorkers(0), Ok(Acceptance::Clamped(1))),
        (Proposal::CpuWorkers(4), Ok(Acceptance::Accepted)),
        (Proposal::IoWorkers(4), Err(Refusal::Unavailable)),
        (Proposal::CacheCapacity(500), Err(Refusal::CoolingDown(9))),
        (Proposal::CachePolicy("fastest".into()), Err(Refusal::Unknown(known))),
        (budget(u32::MAX, 0.2), Ok(Acceptance::Clamped(16))),
        (budget(1, f64::NAN), Err(Refusal::Invalid("cache-share is not a number".into()))),
        (sequential(1, 0, 4), Err(Refusal::Invalid("stride is 0".into()))),
        (sequential(1, 1, 4_000_000), Ok(Acceptance::Clamped(64))),
        (none, Err(Refusal::Invalid("no targets".into()))),
        (Proposal::WithdrawRule { id: 99 }, Err(Refusal::Unknown(vec!["1".into()]))),
    ] {
        assert_eq!(desk.propose(proposal.clone()), expected, "{proposal:?}");
    }
}

#[test]
fn an_infinite_share_is_kept_within_bounds() {
    let mut desk = desk();
    let budget = Budget { max_in_flight: 1, cache_share: f64::INFINITY };
    assert_eq!(desk.propose(Proposal::PrefetchBudget(budget)), Ok(Acceptance::Accepted));
    let kept = Proposal::PrefetchBudget(Budget { max_in_flight: 1, cache_share: 0.5 });
    assert_eq!(desk.entries()[0].proposal, kept);
}

#[test]
fn rules_are_counted_within_the_tick() {
    let mut desk = desk();
    assert_eq!(desk.propose(sequential(1, 1, 4)), Ok(Acceptance::Accepted));
    assert_eq!(desk.propose(sequential(2, 2, 4)), Ok(Acceptance::Accepted));
    assert_eq!((desk.rules_left(), desk.propose(sequential(3, 3, 4))), (0, Err(Refusal::TooMany(2))));
    // Replacing a rule takes no further place; withdrawing one frees a place.
    assert_eq!(desk.propose(sequential(2, 7, 4)), Ok(Acceptance::Accepted));
    assert_eq!(desk.propose(Proposal::WithdrawRule { id: 1 }), Ok(Acceptance::Accepted));
    assert_eq!(desk.propose(sequential(3, 3, 4)), Ok(Acceptance::Accepted));
}

#[test]
fn a_hundred_thousand_calls_are_answered_and_not_kept() {
    let mut desk = desk();
    for _ in 0..100_000 {
        drop(desk.propose(Proposal::CpuWorkers(3)));
    }
    assert_eq!(desk.propose(Proposal::CpuWorkers(3)), Err(Refusal::TooMany(MAX_PROPOSALS)));
    assert_eq!((desk.entries().len(), desk.ignored()), (256, 99_745));
}

#[test]
fn a_closed_desk_grants_nothing() {
    assert_eq!(Desk::closed().propose(Proposal::CpuWorkers(1)), Err(Refusal::NotGranted));
}
