//! Wall time and virtual time are driven by different code; what they drive is one.

use std::path::Path;
use std::time::Duration;

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY};
use host_contract::{Grant, Value as DialValue};
use host_control::{Fault, Identity, ProposalContext, Registration, Response, Strategy, Usage};
use host_profile::Loader;
use proptest::prelude::*;

use super::*;
use crate::entry::Entry;
use crate::key::Key;
use crate::live::Live;
use crate::options::{Options, Scope};
use crate::origin::{Load, Origin};
use crate::value::Value;
use crate::virtual_run::served::Served;
use crate::wiring::{Parts, When};

/// Turns the cache's dials by what it sees, so that what follows depends on every figure before.
struct Restless(Identity);

impl Strategy for Restless {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn tick(&mut self, snapshot: Arc<Snapshot>, mut context: ProposalContext) -> Response {
        let cache = &snapshot.cache;
        let at = usize::try_from(cache.window_misses).unwrap() % cache.policies.len();
        let capacity = cache.capacity_bytes + cache.window_hits.saturating_sub(cache.window_misses);
        drop(context.propose(CACHE_POLICY.name(), DialValue::Name(cache.policies[at].clone())));
        drop(context.propose(CACHE_CAPACITY.name(), DialValue::Count(capacity)));
        Response { context, usage: Usage::default(), log: Vec::new(), fault: None }
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        Ok(Usage::default())
    }
}

/// Has a value of weight 1 under every key, at once.
struct Everything;

impl Origin for Everything {
    fn load(&self, _: &Key) -> Load<'_> {
        Box::pin(async { Ok(Value::standing_for(1)) })
    }

    fn has(&self, _: u64) -> bool {
        true
    }
}

fn settings(sets: &[&str]) -> Settings {
    let machine = host_telemetry::Machine::read(Path::new("."));
    Loader::new().profile("small").user_file(None).set(sets.iter().copied()).load(&machine).unwrap()
}

fn parts(executor: Option<Arc<Executor>>) -> Parts {
    // Decisions are measured by throughput: how long a request takes is not the same in wall time.
    let sets = ["cache.shadows=false", "control.cool-down-ticks=1", "control.tick-requests=0"];
    let settings = settings(&[&sets[..], &["optimise=throughput"]].concat());
    let identity = Identity {
        name: "restless".to_owned(),
        version: "0.1.0".to_owned(),
        digest: String::new(),
        dials: vec![CACHE_POLICY.name().to_owned(), CACHE_CAPACITY.name().to_owned()],
    };
    let restless = Registration::new(Box::new(Restless(identity)), 50, [Grant::CacheControl].into());
    let scope = Scope { capacity: 20, mean_weight: 1, ..Options::new(settings).scope };
    Parts::new(
        &scope,
        When::Virtual(Arc::default(), executor),
        Machine::Nominal(1 << 40),
        vec![restless],
        Ledger::new(None),
    )
    .unwrap()
}

/// What a run decided and saw.
fn told(finished: &Finished) -> (String, String) {
    let decisions = serde_json::to_string(&finished.decisions).unwrap();
    (decisions, serde_json::to_string(&finished.last.cache).unwrap())
}

#[test]
fn every_class_has_the_latency_target_of_the_settings_also_after_a_reload() {
    let settings_of = |target: &str| settings(&[&format!("executor.latency-target={target}")]);
    let scope = Scope { capacity: 100, mean_weight: 1, ..Options::new(settings_of("5 ms")).scope };
    let parts = Parts::in_virtual_time(&scope, &Arc::default(), Vec::new(), Ledger::new(None));
    let mut control = parts.unwrap().control;
    let target = |control: &ControlPlane| {
        let classes = vec![host_executor::ClassStats::default()];
        let stats = host_executor::ExecutorStats { classes, ..host_executor::ExecutorStats::default() };
        control.pools(stats).classes[0].latency_target_us
    };
    assert_eq!(target(&control), Some(5_000.0));
    control.reload(&settings_of("0 ms")).unwrap();
    assert_eq!(target(&control), None);
}

#[test]
fn a_task_that_panicked_is_told() {
    let executor = Arc::new(Executor::new(host_executor::Config::for_cores(1)).unwrap());
    let Parts { plane, control } = parts(Some(Arc::clone(&executor)));
    let task = async { panic!("a defect, which this test wants") };
    executor.block_on(executor.io(executor.class("request"), task)).unwrap_err();
    let notes = control.finish(Duration::from_millis(1), &plane).notes;
    assert!(notes.iter().any(|note| note.starts_with("tasks that panicked: 1;")), "{notes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// The same requests and the same ticks give the same decisions, whoever moves the clock.
    #[test]
    fn live_and_virtual_ticks_decide_alike(
        keys in proptest::collection::vec(0_u64..60, 1..400),
        every in 5_usize..40,
    ) {
        let executor = Executor::new(host_executor::Config {
            cpu_workers: 1, io_workers: 1, max_cpu_workers: 1, max_io_workers: 1, cpu_queue: 4, io_queue: 4,
            ..host_executor::Config::for_cores(1)
        });
        let executor = Arc::new(executor.unwrap());
        let Parts { plane, mut control } = parts(Some(Arc::clone(&executor)));
        let live = Arc::new(Live::new(plane, Arc::new(Everything), executor.handle()));
        for (at, key) in (1..).zip(&keys) {
            executor.block_on(live.serve(live.arrive(Key::Number(*key)))).unwrap();
            if at % every == 0 {
                control.tick(Duration::from_millis(u64::try_from(at).unwrap()), &live.plane);
            }
        }
        let in_wall_time = control.finish(Duration::from_secs(9), &live.plane);

        let Parts { plane, mut control } = parts(None);
        let mut served = Served::new(Duration::ZERO, Duration::ZERO);
        for (at, key) in (1..).zip(&keys) {
            plane.wanted(*key, |_| true);
            plane.demanded(*key);
            let number = Key::Number(*key);
            let hit = plane.cache.get(&number).is_some();
            if !hit {
                plane.cache.insert(Entry::of(&number, Value::standing_for(1)), ());
            }
            served.access(*key, 1, hit);
            served.finished(Duration::ZERO);
            if at % every == 0 {
                served.tell(&plane);
                control.tick(Duration::from_millis(u64::try_from(at).unwrap()), &plane);
            }
        }
        served.tell(&plane);
        let in_virtual_time = control.finish(Duration::from_secs(9), &plane);
        prop_assert_eq!(told(&in_wall_time), told(&in_virtual_time));
    }
}
