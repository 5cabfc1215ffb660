//! Each test plays the climber against a pool of which it is known how throughput follows workers.

use super::*;

/// A pool under more load than it can serve: throughput is given by its size.
struct Pool {
    workers: u32,
    max: u32,
    capacity: fn(u32) -> f64,
    /// Tasks offered a second.
    load: f64,
    own_cpu: f64,
    others_cpu: f64,
}

impl Pool {
    fn observe(&self, tick: u64, formula: Option<f64>, ceiling: Option<f64>) -> Observation {
        let capacity = (self.capacity)(self.workers);
        let served = capacity.min(self.load);
        let overloaded = self.load > capacity;
        Observation {
            tick,
            seconds: 0.1,
            formula,
            ceiling,
            own_cpu: Some(self.own_cpu),
            others_cpu: Some(self.others_cpu),
            pool: PoolMetrics {
                workers: self.workers,
                min_workers: 1,
                max_workers: self.max,
                utilisation: served / capacity,
                queued: if overloaded { 50 } else { 0 },
                window_completed: format!("{:.0}", served * 0.1).parse().unwrap(),
                mean_wait_us: if overloaded { 5000.0 } else { 0.0 },
                mean_service_us: 1000.0,
            },
        }
    }

    /// Plays ticks and lists the workers after each.
    fn play(&mut self, climb: &mut Climb, ticks: std::ops::Range<u64>) -> Vec<u32> {
        ticks
            .map(|tick| {
                if let Step::To { workers, .. } =
                    climb.step(&Settings::default(), &self.observe(tick, Some(6.0), None))
                {
                    self.workers = workers;
                }
                self.workers
            })
            .collect()
    }
}

/// A pool of as many workers as it can use, with more work than it can do.
fn overloaded(workers: u32) -> Pool {
    let capacity = |workers: u32| 100.0 * f64::from(workers);
    Pool { workers, max: 64, capacity, load: 1e6, own_cpu: 0.2, others_cpu: 0.0 }
}

/// A pool with little to do.
fn idle(workers: u32) -> Pool {
    Pool { load: 100.0, own_cpu: 0.1, ..overloaded(workers) }
}

#[test]
fn the_first_growth_goes_as_far_as_the_formula() {
    let mut climb = Climb::new("IO");
    let pool = overloaded(4);
    let settings = Settings::default();
    let steps: Vec<Step> =
        (1..4).map(|tick| climb.step(&settings, &pool.observe(tick, None, None))).collect();
    assert_eq!(steps, [Step::Stay, Step::Stay, Step::Stay], "the kind of work is not known yet");
    let step = climb.step(&settings, &pool.observe(4, Some(12.0), None));
    let reason = "IO pool 4 -> 12: 50 queued, 100 % busy at 400 tasks a second".to_owned();
    assert_eq!(step, Step::To { workers: 12, reason });
}

#[test]
fn the_formula_alone_changes_nothing() {
    for set in [2, 32] {
        let mut pool = idle(set);
        let history = pool.play(&mut Climb::new("IO"), 1..200);
        assert!(
            history.iter().all(|workers| *workers == set),
            "{set} were set, 6 by the formula: {history:?}"
        );
    }
}

#[test]
fn a_ceiling_below_what_was_set_takes_nothing_away() {
    let (mut climb, pool) = (Climb::new("CPU"), overloaded(8));
    for tick in 1..50 {
        assert_eq!(climb.step(&Settings::default(), &pool.observe(tick, Some(2.0), Some(3.0))), Step::Stay);
    }
}

#[test]
fn a_pool_that_gains_grows_until_the_gain_ends() {
    // 100 tasks a second and worker, up to twenty workers.
    let capacity = |workers: u32| 100.0 * f64::from(workers.min(20));
    let mut pool = Pool { workers: 6, max: 256, capacity, load: 1e6, own_cpu: 0.4, others_cpu: 0.0 };
    let history = pool.play(&mut Climb::new("IO"), 1..40);
    let most = *history.iter().max().unwrap();
    assert!((20..=48).contains(&most), "{history:?}");
    assert!((20..=32).contains(&pool.workers), "{history:?}");
}

#[test]
fn steady_overload_does_not_grow_without_bound() {
    let mut pool =
        Pool { workers: 6, max: 4096, capacity: |_| 500.0, load: 1e6, own_cpu: 0.4, others_cpu: 0.0 };
    let history = pool.play(&mut Climb::new("IO"), 1..1000);
    assert!(history.iter().all(|workers| *workers <= 9), "{history:?}");
    let late = history.iter().skip(500).filter(|workers| **workers != 6).count();
    assert!(late < 30, "tries become rare, and there were {late} ticks of them");
}

#[test]
fn a_process_that_uses_all_of_its_cpu_is_told_once_and_nothing_grows() {
    let mut climb = Climb::new("CPU");
    let pool = Pool { workers: 2, max: 64, capacity: |_| 500.0, load: 1e6, own_cpu: 0.97, others_cpu: 0.0 };
    let steps: Vec<Step> = (1..10)
        .map(|tick| climb.step(&Settings::default(), &pool.observe(tick, Some(2.0), Some(3.0))))
        .collect();
    let said: Vec<&Step> = steps.iter().filter(|step| **step != Step::Stay).collect();
    let text = "CPU pool stays at 2: 50 queued, but this process uses 97 % of its CPU, so more workers would not help";
    assert_eq!(said, [&Step::Say(text.to_owned())]);
}

#[test]
fn a_ceiling_holds_even_where_growing_pays() {
    let capacity = |workers: u32| 100.0 * f64::from(workers);
    let mut pool = Pool { workers: 2, max: 64, capacity, load: 1e6, own_cpu: 0.5, others_cpu: 0.0 };
    let mut climb = Climb::new("CPU");
    for tick in 1..50 {
        if let Step::To { workers, .. } =
            climb.step(&Settings::default(), &pool.observe(tick, Some(2.0), Some(3.0)))
        {
            pool.workers = workers;
        }
    }
    assert_eq!(pool.workers, 3);
}

#[test]
fn added_workers_that_idle_are_given_up_slowly_and_what_was_set_stays() {
    let (mut climb, mut pool) = (Climb::new("IO"), overloaded(4));
    pool.play(&mut climb, 1..40);
    let grown = pool.workers;
    assert!(grown > 16, "{grown}");
    pool.load = 100.0;
    let history = pool.play(&mut climb, 40..400);
    assert_eq!(history.get(6), Some(&grown), "{history:?}");
    assert_eq!(pool.workers, 4, "{history:?}");
}

#[test]
fn other_processes_load_takes_no_worker_away() {
    // Set by the profile, idle because whoever submits gets no CPU.
    let mut pool = Pool { others_cpu: 0.9, own_cpu: 0.05, ..idle(32) };
    let history = pool.play(&mut Climb::new("IO"), 1..200);
    assert!(history.iter().all(|workers| *workers == 32), "{history:?}");

    // Added before the others came.
    let (mut climb, mut pool) = (Climb::new("IO"), overloaded(4));
    pool.play(&mut climb, 1..40);
    let grown = pool.workers;
    (pool.load, pool.others_cpu, pool.own_cpu) = (100.0, 0.9, 0.05);
    let history = pool.play(&mut climb, 40..400);
    assert!(history.iter().all(|workers| *workers == grown), "{grown}: {history:?}");
    pool.others_cpu = 0.0;
    pool.play(&mut climb, 400..800);
    assert_eq!(pool.workers, 4, "they have gone, and the pool idles by itself");
}

#[test]
fn a_growth_is_not_judged_while_other_processes_load_changes() {
    let (mut climb, mut pool) = (Climb::new("IO"), overloaded(4));
    pool.play(&mut climb, 1..3);
    assert_eq!(pool.workers, 6, "it has grown");
    // As many tasks a second as before, because others take the CPU.
    (pool.capacity, pool.others_cpu) = (|_| 400.0, 0.7);
    let steps: Vec<Step> =
        (3..8).map(|tick| climb.step(&Settings::default(), &pool.observe(tick, Some(6.0), None))).collect();
    let text = "IO pool stays at 6: other processes' load has changed, so the growth cannot be judged";
    let said: Vec<&Step> = steps.iter().filter(|step| **step != Step::Stay).collect();
    assert_eq!(said, [&Step::Say(text.to_owned())]);
}

#[test]
fn others_alone_do_not_keep_a_pool_from_growing() {
    let mut pool = Pool { others_cpu: 0.9, own_cpu: 0.1, ..overloaded(4) };
    pool.play(&mut Climb::new("IO"), 1..40);
    assert!(pool.workers > 16, "{}", pool.workers);
}

#[test]
fn a_host_that_tells_no_cpu_is_judged_by_gain_alone() {
    let mut climb = Climb::new("IO");
    let mut pool = overloaded(4);
    for tick in 1..40 {
        let unknown = Observation { own_cpu: None, others_cpu: None, ..pool.observe(tick, Some(6.0), None) };
        if let Step::To { workers, .. } = climb.step(&Settings::default(), &unknown) {
            pool.workers = workers;
        }
    }
    assert!(pool.workers > 16, "{}", pool.workers);
}

#[test]
fn a_pool_without_work_is_left_alone() {
    let (mut climb, mut pool) = (Climb::new("IO"), overloaded(4));
    pool.play(&mut climb, 1..40);
    let grown = pool.workers;
    pool.load = 0.0;
    assert!(pool.play(&mut climb, 40..140).iter().all(|workers| *workers == grown));
}

#[test]
fn a_growth_that_is_not_applied_is_not_judged() {
    let capacity = |workers: u32| 100.0 * f64::from(workers);
    let pool = Pool { workers: 6, max: 64, capacity, load: 1e6, own_cpu: 0.4, others_cpu: 0.0 };
    let mut climb = Climb::new("IO");
    let tries = (1..30)
        .filter(|tick| {
            matches!(climb.step(&Settings::default(), &pool.observe(*tick, Some(6.0), None)), Step::To { .. })
        })
        .count();
    assert_eq!(tries, 4, "one each hold time, not one a tick");
}
