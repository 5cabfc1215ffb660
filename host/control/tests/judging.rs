//! The judge in whole runs of the loop, over a model of a plant: throughput is a function of the dials, times noise.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: what is not there fails it")]

mod plant;

use std::sync::Arc;
use std::time::Duration;

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY, CPU_WORKERS, IO_WORKERS};
use host_contract::{Dial, Dials, Judged, Objective, Snapshot, Value};
use host_control::effect::Found;
use host_control::judge::{Change, Judge, Order, Plan};
use host_control::ledger::Record;
use plant::{Author, Plant, Run, always, once, steps};
use proptest::prelude::*;

/// Latency-bound work: twice as many workers do twice as much, up to 64.
fn bound(workers: u64) -> f64 {
    10.0 * f64::from(u32::try_from(workers.min(64)).unwrap())
}

fn io_plant() -> Plant {
    Plant::new(7).noise(0.03).io(bound)
}

fn found(run: &Run) -> Vec<Found> {
    run.effects().map(|effect| effect.verdict).collect()
}

#[test]
fn a_gain_of_a_factor_is_found_in_one_return_of_one_tick() {
    for seed in 0..20 {
        let plant = Plant::new(seed).noise(0.03).io(bound);
        let run = plant.run(Plan { cost: 1.0, ..Plan::default() }, vec![once(IO_WORKERS, 32)], 40);
        assert_eq!((run.io(), found(&run)), (32, vec![Found::Better]));
        // It is heard from the third tick on.
        assert_eq!(run.ticks_from(3, IO_WORKERS, 8), 1, "{}", run.told());
        let effect = run.effects().next().unwrap();
        assert!(effect.confidence.unwrap() > 0.97 && effect.counterfactual.unwrap() < 9_000.0, "{effect:?}");
    }
}

#[test]
fn what_was_seen_of_another_load_costs_no_further_return() {
    // The tick that the strategy saw last before it turned the dial is the first one of a load that serves half as much.
    for turned in [20, 21, 23] {
        let author = steps(IO_WORKERS, move |tick| if tick < turned { 8 } else { 32 });
        let plant = io_plant().later(20, |workers| bound(workers) / 2.0);
        let run = plant.run(Plan { cost: 1.0, ..Plan::default() }, vec![author], 50);
        assert_eq!((run.io(), found(&run)), (32, vec![Found::Better]), "{turned}: {}", run.told());
        let (left, _) = run.values(IO_WORKERS).enumerate().find(|(_, workers)| *workers == 32).unwrap();
        assert_eq!(run.ticks_from(left, IO_WORKERS, 8), 1, "{turned}: {}", run.told());
    }
}

#[test]
fn turns_that_cost_more_than_they_tell_are_given_up() {
    // Twenty workers serve as much as eight, and a pool that shrinks loses most of a tick.
    let plant = Plant::new(7).noise(0.03).starting(IO_WORKERS, 20).draining(0.9);
    let run = plant.run(Plan::default(), vec![once(IO_WORKERS, 8)], 200);
    assert_eq!((run.io(), found(&run)), (8, vec![Found::NotTested]), "{}", run.told());
    assert!(run.blocks().count() <= 8, "{}", run.told());
}

#[test]
fn who_did_no_worse_until_the_load_changed_rests_shortly() {
    // Two numbers that serve alike for forty ticks, and the larger one twice as much from then on.
    let author = steps(IO_WORKERS, |tick| if (3..40).contains(&tick) { 9 + tick % 2 } else { 9 });
    let plant = io_plant().io(|_| 80.0).later(40, |workers| if workers < 9 { 160.0 } else { 80.0 });
    let run = plant.run(Plan::default(), vec![author], 120);
    let undone = run.control.decisions().iter().find(|d| d.by == ["host"]).expect("it was undone");
    let until: u64 = undone.reason.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(until - undone.tick < 110, "{}", run.told());
}

#[test]
fn a_loss_of_a_factor_is_undone_by_the_host_and_its_author_rests() {
    let run = io_plant().run(Plan::default(), vec![always(IO_WORKERS, 1)], 260);
    assert_eq!(run.io(), 8);
    let undone: Vec<_> = run.control.decisions().iter().filter(|d| d.by == ["host"]).collect();
    assert_eq!(undone.len(), 2, "the second try comes after a rest");
    assert!(undone[0].reason.starts_with("undone: worse, "), "{}", undone[0].reason);
    assert!(undone[0].reason.contains("its author is heard again from tick 9"), "{}", undone[0].reason);
    assert!(run.loss(bound(8)) < 0.05, "{}", run.loss(bound(8)));
}

#[test]
fn a_loss_of_a_factor_is_undone_after_one_return_while_the_cache_fills() {
    for seed in 0..20 {
        let plant = Plant::new(seed).noise(0.1).io(bound).filled(0.4);
        let run = plant.run(Plan::default(), vec![always(IO_WORKERS, 1)], 20);
        assert_eq!((run.io(), run.blocks().count()), (8, 1), "{seed}: {}", run.told());
    }
}

#[test]
fn what_lasts_is_not_turned_in_the_early_ticks() {
    let first = |author: Author| {
        let run = io_plant().run(Plan::default(), vec![author], 60);
        run.control.decisions().iter().find(|d| d.dial == CACHE_CAPACITY).unwrap().tick
    };
    assert_eq!(first(always(CACHE_CAPACITY, 900)), 13);
    // Nor before it was seen where it stands, for which a dial that never rests leaves no time.
    assert_eq!(first(Arc::new(|tick| vec![(IO_WORKERS, 9 + tick % 2), (CACHE_CAPACITY, 900)])), 25);
}

#[test]
fn a_return_from_a_gain_waits_until_it_is_affordable() {
    let run = io_plant().run(Plan::default(), vec![once(IO_WORKERS, 64)], 120);
    let first = run.blocks().next().unwrap().tick;
    // Two ticks of seven eighths each, at 2 % of the time.
    assert!((80..=95).contains(&first), "{first}");
    assert_eq!((found(&run), run.io()), (vec![Found::Better], 64));
}

#[test]
fn five_percent_are_found_within_forty_blocks_and_nothing_is_found_in_nothing() {
    let mut right = [0; 3];
    for seed in 0..60 {
        for (at, to, expected) in
            [(0, 21, Found::Better), (1, 19, Found::Worse), (2, 20, Found::NoDifference)]
        {
            let alike = |workers: u64| if workers == 24 { bound(20) } else { bound(workers) };
            let to = if to == 20 { 24 } else { to };
            let plant = Plant::new(seed).noise(0.03).starting(IO_WORKERS, 20).io(alike);
            let run = plant.run(Plan::default(), vec![once(IO_WORKERS, to)], 200);
            right[at] += usize::from(found(&run) == [expected]);
            assert!(run.blocks().all(|block| block.block <= 40));
            assert_eq!(run.io(), if expected == Found::Worse && found(&run) == [expected] { 20 } else { to });
        }
    }
    assert!(right[0] >= 48 && right[1] >= 48 && right[2] >= 57, "{right:?} of 60");
}

#[test]
fn hostile_strategies_cost_little() {
    let io = |at: u64| steps(IO_WORKERS, move |tick| if tick / 3 % 2 == 0 { at } else { at + 1 });
    let all: Author = Arc::new(|_| vec![(IO_WORKERS, 1), (CPU_WORKERS, 1), (CACHE_CAPACITY, 100)]);
    for (name, authors) in [
        ("the worst for ever", vec![always(IO_WORKERS, 1)]),
        ("two bad ones in turns", vec![io(1)]),
        ("the reference and the worst in turns", vec![steps(IO_WORKERS, |t| if t % 6 < 3 { 1 } else { 8 })]),
        ("every tick another", vec![steps(IO_WORKERS, |tick| 1 + tick % 3)]),
        ("every dial to its worst", vec![all]),
        ("the least capacity", vec![always(CACHE_CAPACITY, 100)]),
    ] {
        for ticks in [100, 400] {
            let capacity = |capacity: u64| if capacity < 500 { 0.3 } else { 1.0 };
            let plant = io_plant().cpu(|workers| if workers < 4 { 0.5 } else { 1.0 }).capacity(capacity);
            let run = plant.run(Plan::default(), authors.clone(), ticks);
            let loss = run.loss(bound(8));
            assert!(loss < 0.05, "{name}: {:.1} % of {ticks} ticks\n{}", loss * 100.0, run.told());
        }
    }
}

#[test]
fn who_loses_takes_back_what_nothing_was_held_against_yet() {
    for (policy_by, undone) in [(0, vec![CACHE_POLICY, IO_WORKERS]), (1, vec![IO_WORKERS])] {
        let mut judge = Judge::new(Plan::default());
        let mut rolled_back = Vec::new();
        let mut io = 8;
        for tick in 1..14 {
            let gauges = [("throughput", if io == 8 { 8_000.0 } else { 1_000.0 })].into();
            let snapshot = Snapshot { tick, elapsed: Duration::from_secs(1), gauges, ..Snapshot::default() };
            let snapshot = Arc::new(snapshot);
            let values =
                |dial| Some(if dial == IO_WORKERS { Value::Count(io) } else { Value::Name("fifo".into()) });
            let orders = judge.tick(&snapshot, &values);
            for order in orders {
                match order {
                    Order::Take(block) => io = if block.present { 1 } else { 8 },
                    Order::RollBack(of) => rolled_back.push(of.dial),
                    Order::Effect(_) => {}
                }
            }
            let turned = |decision, dial, judged, from, to, author| {
                let authors = [author].into();
                Change { decision, dial: Some(dial), judged, from, to, authors }
            };
            if tick == 2 {
                let (from, to) = (Value::Name("lru".into()), Value::Name("fifo".into()));
                judge.watch(turned(1, CACHE_POLICY, Judged::Policy, from, to, policy_by), &snapshot);
            }
            if tick == 6 {
                let (from, to) = (Value::Count(8), Value::Count(1));
                judge.watch(turned(2, IO_WORKERS, Judged::Throughput, from, to, 0), &snapshot);
                io = 1;
            }
        }
        rolled_back.sort_by_key(|dial: &Dial| dial.name());
        assert_eq!((rolled_back, io), (undone, 8));
    }
}

#[test]
fn who_takes_a_bad_value_back_rests_unless_it_was_the_load() {
    for (after, rests) in [(8_000.0, true), (3_000.0, false)] {
        let mut judge = Judge::new(Plan::default());
        let snapshot = |tick, throughput| {
            let gauges = [("throughput", throughput)].into();
            Arc::new(Snapshot { tick, elapsed: Duration::from_secs(1), gauges, ..Snapshot::default() })
        };
        let (io, judged) = (Dials::built_in(), Judged::Throughput);
        let io = io.get(IO_WORKERS).unwrap();
        for tick in 1..12 {
            let served = [(8, after), (7, 3_000.0), (0, 8_000.0)];
            let served = served.iter().find(|(from, _)| tick >= *from).unwrap().1;
            let now = snapshot(tick, served);
            judge.tick(&now, &|_| Some(Value::Count(if tick == 7 { 9 } else { 8 })));
            for (when, decision, from, to) in [(6, 1, 8, 9), (7, 2, 9, 8)] {
                if tick == when {
                    let (from, to) = (Value::Count(from), Value::Count(to));
                    let change =
                        Change { decision, dial: Some(IO_WORKERS), judged, from, to, authors: [0].into() };
                    judge.watch(change, &now);
                }
            }
        }
        assert_eq!(judge.free_from(0, io, 12).is_some(), rests);
    }
}

#[test]
fn a_disabled_judge_turns_nothing() {
    let run = io_plant().run(Plan::watch_only(4), vec![once(IO_WORKERS, 1)], 60);
    assert_eq!((run.io(), run.control.decisions().len(), run.blocks().count()), (1, 1, 0));
    assert_eq!(found(&run), [Found::NotTested]);
}

#[test]
fn who_comes_back_by_themselves_is_not_judged() {
    let there_and_back = steps(IO_WORKERS, |tick| if tick < 8 { 10 } else { 8 });
    let run = io_plant().run(Plan { settle_ticks: 50, ..Plan::default() }, vec![there_and_back], 30);
    assert_eq!((found(&run), run.blocks().count()), (vec![Found::Undone], 0));
}

#[test]
fn a_climb_is_tried_once_it_rests_and_not_a_second_time() {
    let climb = steps(IO_WORKERS, |tick| match tick {
        0..=5 => 10,
        6..=8 => 12,
        9..=200 => 14,
        // The same pair of values under the same load.
        _ => 8,
    });
    let plan = Plan { cost: 1.0, settle_ticks: 4, ..Plan::default() };
    let run = Plant::new(3).noise(0.03).run(plan, vec![climb], 240);
    let expected = [Found::MovedOn, Found::MovedOn, Found::NoDifference, Found::NotTested];
    assert_eq!((found(&run), run.io()), (expected.to_vec(), 8), "{}", run.told());
}

#[test]
fn latency_is_what_counts_where_the_operator_wants_it() {
    // More workers do more a second, and each request takes longer.
    let plant = io_plant().objective(Objective::Latency).latency(|workers| 10.0 * bound(workers));
    let run = plant.run(Plan::default(), vec![once(IO_WORKERS, 32)], 60);
    assert_eq!((run.io(), found(&run)), (8, vec![Found::Worse]));
    assert_eq!(run.effects().next().unwrap().metric, "latency-mean");
}

#[test]
fn a_strategy_that_is_retired_in_a_trial_leaves_the_start() {
    let mut run = io_plant().run(Plan { cost: 1.0, ..Plan::default() }, vec![once(IO_WORKERS, 9)], 14);
    assert!(run.blocks().count() > 0, "a trial is under way");
    run.retire("0");
    run.go_on(20);
    assert_eq!((run.io(), found(&run)), (8, vec![Found::Overruled]));
    let blocks = run.blocks().count();
    run.go_on(20);
    assert_eq!(run.blocks().count(), blocks);
}

#[test]
fn a_reload_in_a_trial_leaves_the_present_value() {
    let plan = Plan { cost: 1.0, ..Plan::default() };
    for after in [plan, Plan::watch_only(4)] {
        for ticks in 10..20 {
            let mut run = io_plant().run(plan, vec![once(IO_WORKERS, 9)], ticks);
            run.configure(after);
            run.go_on(3);
            assert_eq!(run.io(), 9, "reloaded after {ticks} ticks");
        }
    }
}

#[test]
fn a_dial_that_is_turned_past_the_loop_stays_as_it_was_put() {
    let mut run = io_plant().run(Plan { cost: 1.0, ..Plan::default() }, vec![once(IO_WORKERS, 9)], 14);
    run.set(IO_WORKERS, 40);
    run.go_on(30);
    assert_eq!((run.io(), found(&run)), (40, vec![Found::Overruled]));
}

#[test]
fn what_is_open_when_the_run_ends_is_told() {
    let mut run = io_plant().run(Plan { cost: 1.0, ..Plan::default() }, vec![once(IO_WORKERS, 9)], 14);
    run.finish();
    assert_eq!(found(&run), [Found::Unfinished]);
    let mut run = io_plant().run(Plan::default(), vec![once(IO_WORKERS, 64)], 14);
    run.finish();
    assert_eq!(found(&run), [Found::Unfinished]);
    assert!(run.effects().next().unwrap().basis.contains("the run ended before a return"));
}

#[test]
fn the_same_seed_gives_the_same_ledger_and_another_one_other_blocks() {
    let ledger = |seed| {
        let plant = Plant::new(3).noise(0.03).seed(seed).io(bound);
        let mut run = plant.run(Plan { cost: 1.0, ..Plan::default() }, vec![once(IO_WORKERS, 8 + 1)], 60);
        run.finish();
        let sides: Vec<&str> = run.blocks().map(|block| block.side).collect();
        (serde_json::to_string(&run.records).unwrap(), sides.concat())
    };
    assert_eq!(ledger(1), ledger(1));
    let distinct: std::collections::BTreeSet<String> = (0..8).map(|seed| ledger(seed).1).collect();
    assert!(distinct.len() > 1);
}

#[test]
fn a_block_says_how_probable_it_was() {
    let run = io_plant().run(Plan { cost: 1.0, ..Plan::default() }, vec![once(IO_WORKERS, 9)], 60);
    let mut blocks = run.blocks();
    assert_eq!(blocks.next().map(|first| (first.side, first.probability)), Some(("reference", 1.0)));
    assert!(blocks.all(|block| block.probability == 0.5 || block.side == "present"));
}

fn dials() -> impl Strategy<Value = Vec<(Dial, u64)>> {
    let dial = prop::sample::select(vec![IO_WORKERS, CPU_WORKERS, CACHE_CAPACITY]);
    prop::collection::vec((dial, 1..2_000_u64), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is proposed when: no dial leaves its range, what was undone stands at what was left, and every decision
    /// goes on from where the one before it ended.
    #[test]
    fn no_dial_leaves_its_range_and_what_lost_is_undone(
        proposals in dials(), seed in 0..1_000_u64, noise in 0.0..0.5_f64, wash in 0..3_u64, block in 1..4_u64,
    ) {
        let plan = Plan { wash_in_ticks: wash, block_ticks: block, cost: 0.2, ..Plan::default() };
        let author: Author = Arc::new(move |tick| {
            let at = usize::try_from(tick / 4).unwrap() % proposals.len();
            vec![proposals[at]]
        });
        let plant = Plant::new(seed).noise(noise).io(bound).capacity(|bytes| if bytes < 400 { 0.4 } else { 1.0 });
        let mut run = plant.run(plan, vec![author], 150);
        run.finish();
        for (dial, range) in [(IO_WORKERS, 1..=64), (CPU_WORKERS, 1..=16), (CACHE_CAPACITY, 100..=2_000)] {
            prop_assert!(run.values(dial).all(|value| range.contains(&value)));
            let mut stands = run.start(dial);
            for decision in run.control.decisions().iter().filter(|decision| decision.dial == dial) {
                prop_assert_eq!(&decision.from, &stands, "{}", run.told());
                stands = decision.to.clone();
            }
        }
        for record in &run.records {
            if let Record::Block(block) = record {
                prop_assert!(block.probability > 0.0 && block.probability <= 1.0 && block.block <= 41);
            }
        }
    }
}
