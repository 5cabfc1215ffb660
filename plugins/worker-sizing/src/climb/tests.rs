//! Each test plays the climber against a pool of which it is known how throughput follows workers.

use super::*;

/// A pool under more load than it can serve: throughput is given by its size.
struct Pool {
    workers: u32,
    max: u32,
    capacity: fn(u32) -> f64,
    /// Tasks offered a second.
    load: f64,
    cpu_usage: f64,
}

impl Pool {
    fn sight(&self, tick: u64, start: Option<f64>, ceiling: Option<f64>) -> Sight {
        let capacity = (self.capacity)(self.workers);
        let served = capacity.min(self.load);
        let overloaded = self.load > capacity;
        Sight {
            tick,
            seconds: 0.1,
            start,
            ceiling,
            cpu_usage: self.cpu_usage,
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
                    climb.step(&Settings::default(), &self.sight(tick, Some(6.0), None))
                {
                    self.workers = workers;
                }
                self.workers
            })
            .collect()
    }
}

#[test]
fn the_formula_comes_first() {
    let mut climb = Climb::new("IO");
    let pool = Pool { workers: 4, max: 64, capacity: |_| 1e3, load: 100.0, cpu_usage: 0.2 };
    assert_eq!(climb.step(&Settings::default(), &pool.sight(1, None, None)), Step::Stay);
    let step = climb.step(&Settings::default(), &pool.sight(2, Some(6.0), None));
    assert_eq!(
        step,
        Step::To {
            workers: 6,
            reason: "IO pool 4 -> 6: the formula for this kind of work gives 6".to_owned()
        }
    );
}

#[test]
fn a_pool_that_gains_grows_until_the_gain_ends() {
    // 100 tasks a second and worker, up to twenty workers.
    let capacity = |workers: u32| 100.0 * f64::from(workers.min(20));
    let mut pool = Pool { workers: 6, max: 256, capacity, load: 1e6, cpu_usage: 0.4 };
    let history = pool.play(&mut Climb::new("IO"), 1..40);
    let most = *history.iter().max().unwrap();
    assert!((20..=48).contains(&most), "{history:?}");
    assert!((20..=32).contains(&pool.workers), "{history:?}");
}

#[test]
fn steady_overload_does_not_grow_without_bound() {
    let mut pool = Pool { workers: 6, max: 4096, capacity: |_| 500.0, load: 1e6, cpu_usage: 0.4 };
    let history = pool.play(&mut Climb::new("IO"), 1..1000);
    assert!(history.iter().all(|workers| *workers <= 9), "{history:?}");
    let late = history.iter().skip(500).filter(|workers| **workers != 6).count();
    assert!(late < 30, "tries become rare, and there were {late} ticks of them");
}

#[test]
fn a_saturated_cpu_is_named_once_and_nothing_grows() {
    let mut climb = Climb::new("CPU");
    let pool = Pool { workers: 2, max: 64, capacity: |_| 500.0, load: 1e6, cpu_usage: 0.97 };
    let steps: Vec<Step> = (1..10)
        .map(|tick| climb.step(&Settings::default(), &pool.sight(tick, Some(2.0), Some(3.0))))
        .collect();
    let said: Vec<&Step> = steps.iter().filter(|step| **step != Step::Stay).collect();
    let text = "CPU pool stays at 2: 50 queued, but the CPU is saturated (97 % in use), so more workers would not help";
    assert_eq!(said, [&Step::Say(text.to_owned())]);
}

#[test]
fn a_ceiling_holds_even_where_growing_pays() {
    let capacity = |workers: u32| 100.0 * f64::from(workers);
    let mut pool = Pool { workers: 2, max: 64, capacity, load: 1e6, cpu_usage: 0.5 };
    let mut climb = Climb::new("CPU");
    for tick in 1..50 {
        if let Step::To { workers, .. } =
            climb.step(&Settings::default(), &pool.sight(tick, Some(2.0), Some(3.0)))
        {
            pool.workers = workers;
        }
    }
    assert_eq!(pool.workers, 3);
}

#[test]
fn workers_that_idle_are_given_up_slowly_and_not_all() {
    let capacity = |workers: u32| 100.0 * f64::from(workers);
    let mut pool = Pool { workers: 32, max: 64, capacity, load: 100.0, cpu_usage: 0.1 };
    let mut climb = Climb::new("IO");
    climb.started = true;
    let history = pool.play(&mut climb, 1..200);
    assert_eq!(history.get(6), Some(&32), "{history:?}");
    // A hundred tasks a second keep one worker busy; of two, half is used.
    assert_eq!(pool.workers, 2, "{history:?}");
}

#[test]
fn a_pool_without_work_is_left_alone() {
    let mut pool = Pool { workers: 32, max: 64, capacity: |_| 100.0, load: 0.0, cpu_usage: 0.1 };
    let mut climb = Climb::new("IO");
    climb.started = true;
    assert!(pool.play(&mut climb, 1..100).iter().all(|workers| *workers == 32));
}

#[test]
fn a_growth_that_is_not_applied_is_not_judged() {
    let capacity = |workers: u32| 100.0 * f64::from(workers);
    let pool = Pool { workers: 6, max: 64, capacity, load: 1e6, cpu_usage: 0.4 };
    let mut climb = Climb::new("IO");
    let tries = (1..30)
        .filter(|tick| {
            matches!(climb.step(&Settings::default(), &pool.sight(*tick, Some(6.0), None)), Step::To { .. })
        })
        .count();
    assert_eq!(tries, 4, "one each hold time, not one a tick");
}
