//! What a context answers, case by case.

use host_contract::DialSpec;
use host_contract::dial::{self, CACHE_CAPACITY, CACHE_POLICY, CPU_WORKERS, IO_WORKERS, PREFETCH_SHARE};
use host_contract::rule::MAX_DEPTH;

use super::*;
use crate::outcome::Verdict;
use crate::rule_book::RuleKinds;

fn offer() -> Offer {
    let state = |spec: &DialSpec| {
        let (range, value) = match spec.dial {
            CACHE_POLICY => {
                (Some(Range::Names(vec!["lru".into(), "arc".into()].into())), Some(Value::Name("lru".into())))
            }
            CPU_WORKERS => (Some(Range::Count(1..=4)), Some(Value::Count(2))),
            PREFETCH_SHARE => (Some(Range::Ratio(0.0..=0.5)), Some(Value::Ratio(0.25))),
            IO_WORKERS => (None, None),
            _ => (Some(Range::Count(100..=2_000)), Some(Value::Count(500))),
        };
        let free_from_tick = if spec.dial == CACHE_CAPACITY { 9 } else { 5 };
        DialState { spec: *spec, range, value, free_from_tick }
    };
    Offer {
        tick: 5,
        dials: dial::BUILT_IN.iter().map(state).collect(),
        rule_limit: Some(2),
        rule_kinds: RuleKinds::All,
        followed: vec!["lru".into()],
        policies: Some(vec!["lru".into(), "arc".into(), "sieve".into()].into()),
        shadow_budget: 2,
    }
}

fn declared() -> BTreeSet<String> {
    dial::BUILT_IN.iter().map(|spec| spec.dial.name().to_owned()).collect()
}

fn context() -> ProposalContext {
    ProposalContext::new(Arc::new(offer()), Grant::ALL.into(), declared())
}

fn sequential(stride: i64, depth: u32) -> PrefetchRule {
    PrefetchRule::Sequential { stride, depth }
}

#[test]
fn nonsense_is_clamped_or_refused_with_its_reason() {
    let mut context = context();
    let known = vec!["lru".to_owned(), "arc".to_owned()];
    for (dial, value, expected) in [
        (CPU_WORKERS, Value::Count(u64::MAX), Ok(Acceptance::Clamped(4.0))),
        (CPU_WORKERS, Value::Count(0), Ok(Acceptance::Clamped(1.0))),
        (CPU_WORKERS, Value::Count(4), Ok(Acceptance::Accepted)),
        (IO_WORKERS, Value::Count(4), Err(Refusal::Unavailable)),
        (CACHE_CAPACITY, Value::Count(500), Err(Refusal::CoolingDown(9))),
        (CACHE_POLICY, Value::Name("fastest".into()), Err(Refusal::Unknown(known))),
        (PREFETCH_SHARE, Value::Ratio(0.75), Ok(Acceptance::Clamped(0.5))),
        (PREFETCH_SHARE, Value::Ratio(f64::NAN), Err(Refusal::Invalid("not a finite number".into()))),
    ] {
        assert_eq!(context.propose(dial, value.clone()), expected, "{dial} {value:?}");
    }
    // What was asked for stays beside what it was clamped to.
    let kept = &context.proposals()[0];
    assert_eq!((&kept.asked, &kept.value), (&Value::Count(u64::MAX), &Value::Count(4)));
}

#[test]
fn not_granted_not_declared_and_unknown_are_told_apart() {
    let grants = BTreeSet::from([Grant::ExecutorControl]);
    let mut context = ProposalContext::new(Arc::new(offer()), grants, BTreeSet::from(["io-workers".into()]));
    assert_eq!(context.propose(CACHE_POLICY, Value::Name("lru".into())), Err(Refusal::NotGranted));
    assert_eq!(context.propose(CPU_WORKERS, Value::Count(2)), Err(Refusal::NotDeclared));
    let all = dial::BUILT_IN.len();
    assert!(
        matches!(context.propose("warp", Value::Count(2)), Err(Refusal::Unknown(names)) if names.len() == all)
    );
    assert_eq!(context.propose_rule(1, sequential(1, 4)), Err(Refusal::NotGranted));
    assert_eq!(context.follow(vec!["lru".into()]), Err(Refusal::NotGranted));
    assert_eq!((context.proposals().len(), context.ignored()), (2, 1));
}

#[test]
fn rules_have_limits_of_their_own_and_are_counted_within_the_tick() {
    let mut context = context();
    assert_eq!(context.propose_rule(1, sequential(0, 4)), Err(Refusal::Invalid("stride is 0".into())));
    assert_eq!(context.propose_rule(1, sequential(1, 900)), Ok(Acceptance::Clamped(f64::from(MAX_DEPTH))));
    assert_eq!(context.propose_rule(2, sequential(2, 4)), Ok(Acceptance::Accepted));
    assert_eq!(
        (context.rules_left(), context.propose_rule(3, sequential(3, 4))),
        (0, Err(Refusal::TooMany(2)))
    );
    // Replacing a rule takes no further place; withdrawing one frees a place.
    assert_eq!(context.propose_rule(2, sequential(7, 4)), Ok(Acceptance::Accepted));
    assert_eq!(context.propose_withdrawal(1), Ok(Acceptance::Accepted));
    assert_eq!(context.propose_rule(3, sequential(3, 4)), Ok(Acceptance::Accepted));
    assert_eq!(context.propose_withdrawal(99), Err(Refusal::Unknown(vec!["2".into(), "3".into()])));
    let clamped = &context.rule_proposals()[1];
    assert_eq!(clamped.asked, RuleChange::Install(sequential(1, 900)));
    assert_eq!(clamped.change, RuleChange::Install(sequential(1, MAX_DEPTH)));
}

#[test]
fn a_run_that_takes_rules_in_order_refuses_the_others_with_a_word() {
    let offer = Offer { rule_kinds: RuleKinds::InOrder, rule_limit: Some(8), ..offer() };
    let grants = BTreeSet::from([Grant::PrefetchControl]);
    let mut context = ProposalContext::new(Arc::new(offer), grants, BTreeSet::new());
    for (id, rule) in [PrefetchRule::Stream { depth: 4 }, PrefetchRule::Replay { depth: 4 }, sequential(1, 4)]
        .into_iter()
        .enumerate()
    {
        let id = u32::try_from(id).unwrap();
        assert_eq!(context.propose_rule(id, rule), Ok(Acceptance::Accepted));
    }
    for rule in [PrefetchRule::Mined, PrefetchRule::Association { key: 1, targets: vec![2] }] {
        let Err(Refusal::Invalid(text)) = context.propose_rule(9, rule) else { panic!("taken") };
        assert!(text.contains("prefetch.mode"), "{text}");
    }
    assert_eq!(context.rules_left(), 5);
}

#[test]
fn shadows_follow_known_policies_within_the_budget() {
    let mut context = context();
    let names = |names: &[&str]| names.iter().copied().map(str::to_owned).collect::<Vec<_>>();
    assert!(matches!(context.follow(names(&["lru", "warp"])), Err(Refusal::Unknown(_))));
    assert!(matches!(context.follow(names(&[])), Err(Refusal::Invalid(_))));
    assert_eq!(context.follow(names(&["lru", "arc", "sieve"])), Err(Refusal::TooMany(2)));
    assert_eq!(context.wants_followed(), None);
    assert_eq!(context.follow(names(&["sieve", "arc", "sieve"])), Ok(()));
    assert_eq!(context.wants_followed(), Some(names(&["sieve", "arc"]).as_slice()));
}

#[test]
fn other_capacities_are_asked_for_where_there_are_shadows_and_the_grant() {
    let ask = |offer: Offer, grants: BTreeSet<Grant>| {
        let mut context = ProposalContext::new(Arc::new(offer), grants, declared());
        (context.follow_capacities(), context.wants_capacities())
    };
    assert_eq!(ask(offer(), Grant::ALL.into()), (Ok(()), true));
    assert_eq!(ask(offer(), BTreeSet::new()), (Err(Refusal::NotGranted), false));
    let without = Offer { policies: None, shadow_budget: 0, ..offer() };
    assert_eq!(ask(without, Grant::ALL.into()), (Err(Refusal::Unavailable), false));
}

#[test]
fn a_hundred_thousand_calls_are_answered_and_not_kept() {
    let mut context = context();
    for _ in 0..100_000 {
        drop(context.propose(CPU_WORKERS, Value::Count(3)));
    }
    assert_eq!(context.propose(CPU_WORKERS, Value::Count(3)), Err(Refusal::TooMany(256)));
    assert_eq!(context.propose_rule(1, sequential(1, 1)), Err(Refusal::TooMany(256)));
    assert_eq!((context.proposals().len(), context.ignored()), (256, 99_746));
    assert_eq!(
        context.unheard().unwrap(),
        "99746 more proposals of one tick refused: 256 are heard; raise `limits.proposals` to be heard more"
    );
}

#[test]
fn as_many_are_heard_as_the_profile_says() {
    let mut context =
        context().hearing(Hearing { most: 2, key: "strategies.mine.limits.proposals".to_owned() });
    assert!(context.propose(CPU_WORKERS, Value::Count(3)).is_ok());
    assert!(matches!(context.propose("no-such-dial", Value::Count(3)), Err(Refusal::Unknown(_))));
    assert!(context.propose(CPU_WORKERS, Value::Count(2)).is_ok());
    assert_eq!(context.unheard(), None, "one for a dial that there is not is none too many");
    assert_eq!(context.propose(CPU_WORKERS, Value::Count(3)), Err(Refusal::TooMany(2)));
    assert!(
        context.unheard().unwrap().ends_with("raise `strategies.mine.limits.proposals` to be heard more")
    );
}

#[test]
fn a_strategy_can_ask_before_it_proposes() {
    let context = context();
    assert_eq!(context.dial_names().last(), Some(&"cache-capacity"));
    assert_eq!(context.range("cpu-workers"), Some(NumberRange { minimum: 1.0, maximum: 4.0, value: 2.0 }));
    assert_eq!(context.range("prefetch-share").map(|range| range.maximum), Some(0.5));
    for none in ["io-workers", "cache-policy", "warp"] {
        assert_eq!(context.range(none), None, "{none}");
    }
    assert_eq!((context.choices("cache-policy").len(), context.choice("cache-policy")), (2, Some("lru")));
    assert_eq!((context.choices("cpu-workers").len(), context.choice("warp")), (0, None));
    let free =
        ["cpu-workers", "cache-capacity", "io-workers", "warp"].map(|dial| context.free_from_tick(dial));
    assert_eq!(free, [Some(5), Some(9), None, None]);
}

#[test]
fn the_last_reason_counts_and_is_cut() {
    let mut context = context();
    context.explain("cpu-workers", "first");
    context.explain(CPU_WORKERS, &"ä".repeat(MAX_REASON));
    context.explain("warp", "for no dial");
    context.explain_rules("seen in 693 requests");
    assert_eq!(context.reason(CPU_WORKERS).map(str::len), Some(MAX_REASON));
    assert_eq!(context.reason(IO_WORKERS), None);
    assert_eq!(context.rules_reason(), Some("seen in 693 requests"));
}

#[test]
fn the_last_outcomes_come_oldest_first() {
    let outcome = |tick| Outcome {
        tick,
        dial: CPU_WORKERS,
        proposed: Value::Count(2),
        verdict: Verdict::Applied,
        by: Vec::new(),
        decision: None,
        effect: None,
    };
    let context = context().with_past(BTreeSet::new(), Arc::new((1..=9).map(outcome).collect()));
    let ticks = |max| context.outcomes(max).map(|outcome| outcome.tick).collect::<Vec<_>>();
    assert_eq!((ticks(2), ticks(0), ticks(u32::MAX).len()), (vec![8, 9], vec![], 9));
}

#[test]
fn a_closed_context_grants_nothing() {
    let mut closed = ProposalContext::closed();
    assert_eq!(closed.propose(CPU_WORKERS, Value::Count(1)), Err(Refusal::NotGranted));
    assert_eq!(closed.propose_withdrawal(1), Err(Refusal::NotGranted));
    assert_eq!(closed.follow(vec!["lru".into()]), Err(Refusal::NotGranted));
    assert_eq!((closed.rules_left(), closed.shadow_budget(), closed.dial_names().len()), (0, 0, 0));
}
