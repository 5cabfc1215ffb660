//! Each test plays the law against a pool of which it is known how long tasks take among how many.

use super::*;

/// A pool under a closed load: so many clients, each asking again when it was answered.
struct Pool {
    workers: u32,
    most: u32,
    clients: f64,
    /// Time of service among so many at once, microseconds.
    service_us: fn(f64) -> f64,
    /// Tasks beyond so many at once fail.
    serves: f64,
    own_cpu: f64,
    /// Relative noise of throughput, by tick.
    noise: fn(u64) -> f64,
}

impl Pool {
    fn new(workers: u32, service_us: fn(f64) -> f64) -> Self {
        Self { workers, most: 200, clients: 400.0, service_us, serves: 1e9, own_cpu: 0.1, noise: |_| 0.0 }
    }

    fn observe(&self, tick: u64) -> Observation {
        let at_once = f64::from(self.workers).min(self.clients);
        let service_us = (self.service_us)(at_once);
        let per_second = at_once / service_us * 1e6 * (1.0 + (self.noise)(tick));
        let failed = (1.0 - self.serves / at_once).max(0.0);
        let queued = self.clients - at_once;
        Observation {
            tick,
            seconds: 1.0,
            workers: self.workers,
            least: 1,
            most: self.most,
            busy: at_once / f64::from(self.workers),
            queued,
            succeeded: per_second * (1.0 - failed),
            failed: per_second * failed,
            wait_us: queued / per_second * 1e6,
            service_us,
            own_cpu: Some(self.own_cpu),
            enough_for_cores: (self.own_cpu > 0.9).then_some(4.0),
            ..Observation::default()
        }
    }

    fn goodput(&self, tick: u64) -> f64 {
        self.observe(tick).succeeded
    }

    /// Plays ticks and lists the goodput of each.
    fn play(&mut self, law: &mut Law, ticks: std::ops::Range<u64>) -> Vec<f64> {
        ticks
            .map(|tick| {
                let now = self.observe(tick);
                if let Step::To { workers, .. } = law.step(&now) {
                    assert!((now.least..=now.most).contains(&workers), "{workers} is out of range");
                    self.workers = workers;
                }
                now.succeeded
            })
            .collect()
    }
}

fn law() -> Law {
    Law::new("IO", Settings::default())
}

/// Tasks that do not notice each other.
fn constant(_: f64) -> f64 {
    20_000.0
}

/// Tasks that slow each other down beyond 32 at once, so that 32 serve most.
fn knee(at_once: f64) -> f64 {
    20_000.0 * (at_once / 32.0).max(1.0).powf(1.6)
}

fn mean(figures: &[f64]) -> f64 {
    figures.iter().sum::<f64>() / f64::from(u32::try_from(figures.len()).unwrap())
}

#[test]
fn workers_that_pay_in_full_are_added_in_few_ticks() {
    let mut pool = Pool::new(1, constant);
    pool.play(&mut law(), 1..16);
    assert_eq!(pool.workers, 200);
}

#[test]
fn the_knee_is_found_from_below_and_from_above() {
    let best = Pool::new(32, knee).goodput(1);
    for start in [1, 8, 64, 200] {
        let mut pool = Pool::new(start, knee);
        let mut law = law();
        pool.play(&mut law, 1..21);
        let goodput = mean(&pool.play(&mut law, 21..121));
        assert!(goodput > 0.97 * best, "from {start}: {goodput:.0} of {best:.0}");
    }
}

#[test]
fn what_is_right_is_hardly_left() {
    for mut pool in [Pool::new(200, constant), Pool::new(32, knee)] {
        let fixed = pool.goodput(1);
        let goodput = pool.play(&mut law(), 1..200);
        let worst = goodput.windows(5).map(mean).fold(f64::INFINITY, f64::min);
        assert!(worst > 0.95 * fixed, "{worst:.0} of {fixed:.0}");
    }
}

#[test]
fn noise_alone_costs_nothing() {
    // Where throughput does not follow the number at all.
    let mut pool = Pool::new(32, |at_once| 1_000.0 * at_once);
    pool.noise = |tick| 0.04 * f64::sin(f64::from(u32::try_from(tick * tick % 977).unwrap()));
    let fixed = mean(&(1..300).map(|tick| pool.goodput(tick)).collect::<Vec<_>>());
    let goodput = mean(&pool.play(&mut law(), 1..300));
    assert!(goodput > 0.99 * fixed, "{goodput:.0} of {fixed:.0}");
}

#[test]
fn a_knee_that_moves_up_is_found_again() {
    let mut pool = Pool::new(32, knee);
    let mut law = law();
    pool.play(&mut law, 1..60);
    pool.service_us = |at_once| 20_000.0 * (at_once / 90.0).max(1.0).powf(1.6);
    pool.play(&mut law, 60..81);
    assert!(mean(&pool.play(&mut law, 81..120)) > 0.97 * 90.0 / 0.02);
}

#[test]
fn tasks_that_fail_are_spared() {
    let mut pool = Pool::new(8, constant);
    pool.serves = 40.0;
    let mut law = law();
    pool.play(&mut law, 1..60);
    assert!((36..=44).contains(&pool.workers), "{}", pool.workers);
}

#[test]
fn cores_that_are_used_up_need_no_more_workers() {
    let mut pool = Pool::new(64, |at_once| 5_000.0 * (at_once / 4.0).max(1.0) * (1.0 + 0.005 * at_once));
    pool.own_cpu = 1.0;
    pool.play(&mut law(), 1..12);
    assert!(pool.workers <= 6, "{}", pool.workers);
}

#[test]
fn a_pool_that_serves_everybody_is_left_alone() {
    let mut pool = Pool::new(48, constant);
    pool.clients = 20.0;
    let mut law = law();
    pool.play(&mut law, 1..40);
    assert_eq!(pool.workers, 48);
    // Nor does one that has nothing to do.
    let now = Observation { workers: 48, tick: 40, most: 200, ..Observation::default() };
    assert_eq!(law.step(&now), Step::Stay);
}

#[test]
fn a_number_that_somebody_else_sets_is_held_after_a_while() {
    let mut pool = Pool::new(32, knee);
    let mut law = law();
    pool.play(&mut law, 1..10);
    pool.workers = 50;
    for tick in 10..10 + u64::from(FOREIGN) {
        assert_eq!(law.step(&pool.observe(tick)), Step::Stay);
    }
    law.step(&pool.observe(20));
    assert_eq!(law.held, 50);
}

#[test]
fn a_trial_that_the_host_stopped_is_left_when_it_comes_back() {
    let mut pool = Pool::new(8, constant);
    let mut law = law();
    let Step::To { workers: tried, .. } = law.step(&pool.observe(1)) else { panic!("a trial") };
    // The host looks at what was before the law came, longer than once, and returns.
    pool.workers = 2;
    for tick in 2..9 {
        assert_eq!(law.step(&pool.observe(tick)), Step::Stay);
    }
    pool.workers = tried;
    assert!(matches!(law.step(&pool.observe(9)), Step::To { workers: 8, .. }));
}

#[test]
fn a_long_refusal_means_that_the_host_has_decided() {
    let mut pool = Pool::new(32, knee);
    let mut law = law();
    pool.play(&mut law, 1..10);
    pool.workers = 12;
    law.refused(&pool.observe(10), 40);
    for tick in 11..40 {
        assert_eq!(law.step(&pool.observe(tick)), Step::Stay, "{tick}");
    }
    assert_eq!(law.held, 12);
}

#[test]
fn a_refused_proposal_is_not_repeated_before_its_time() {
    let mut law = law();
    let pool = Pool::new(8, constant);
    assert!(matches!(law.step(&pool.observe(1)), Step::To { .. }));
    law.refused(&pool.observe(1), 5);
    for tick in 2..5 {
        assert_eq!(law.step(&pool.observe(tick)), Step::Stay, "{tick}");
    }
    assert!((5..9).any(|tick| law.step(&pool.observe(tick)) != Step::Stay));
}

#[test]
fn a_reason_tells_the_limit_the_prediction_and_its_record() {
    let mut law = law();
    let mut pool = Pool::new(8, constant);
    let mut reasons = Vec::new();
    for tick in 1..10 {
        if let Step::To { workers, reason } = law.step(&pool.observe(tick)) {
            reasons.push(reason);
            pool.workers = workers;
        }
    }
    assert!(reasons[0].contains("limited by its workers: all are busy"), "{reasons:?}");
    assert!(reasons[0].contains("(Amdahl, p = 0.95)"), "{reasons:?}");
    assert!(reasons[2].contains("(USL, fits to 0 %, off by "), "{reasons:?}");
}

#[test]
fn nonsense_is_survived() {
    let odd = [0.0, -1.0, 1e300, f64::NAN, f64::INFINITY];
    let mut law = law();
    for (tick, (&a, &b)) in
        (1..).zip(odd.iter().flat_map(|a| odd.iter().map(move |b| (a, b))).cycle().take(400))
    {
        let now = Observation {
            tick,
            seconds: a,
            workers: 8,
            least: 0,
            most: 16,
            busy: b,
            queued: a,
            succeeded: b,
            failed: a,
            wait_us: b,
            service_us: a,
            prior: Some(b),
            own_cpu: Some(a),
            ..Observation::default()
        };
        if let Step::To { workers, .. } = law.step(&now) {
            assert!(workers <= 16, "{workers}");
        }
    }
}

#[test]
fn who_serves_less_has_not_gained_by_answering_sooner() {
    // Everybody is served at once by 192 workers, but far slower than 48 of them would work.
    let mut pool = Pool::new(1, |at_once| 20_000.0 * (at_once / 40.0).max(1.0).powf(1.6));
    pool.clients = 120.0;
    let best = pool.clients.min(40.0) / 0.02;
    let mut law = law();
    pool.play(&mut law, 1..21);
    let goodput = mean(&pool.play(&mut law, 21..121));
    assert!(goodput > 0.97 * best, "{goodput:.0} of {best:.0} with {} workers", pool.workers);
}

#[test]
fn a_trial_downwards_takes_away_half_of_the_workers_at_most() {
    let mut pool = Pool::new(200, |at_once| 1_000.0 * at_once.max(3.0).powf(1.2));
    let mut law = law();
    let mut before = pool.workers;
    for tick in 1..60 {
        pool.play(&mut law, tick..tick + 1);
        assert!(2 * pool.workers + 1 >= before, "{before} -> {}", pool.workers);
        before = pool.workers;
    }
    assert!(pool.workers <= 6, "{}", pool.workers);
}
