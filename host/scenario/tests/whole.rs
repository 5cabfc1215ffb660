//! Whole scenarios: the same twice, phases that follow each other, and nothing that hangs.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use std::fmt::Write as _;

use host_contract::number::to_f64;
use host_scenario::{Model, Scenario, Window, bundled};
use proptest::prelude::*;

/// Everything that is measured, as text.
fn played(scenario: &Scenario, workers: impl Fn(u64) -> u32) -> String {
    let mut model = Model::new(scenario);
    let mut text = String::new();
    loop {
        model.set_workers(workers(1));
        let Some(window) = model.tick() else { return text };
        model.set_workers(workers(window.tick + 1));
        let Window { pool, class, latency, cores, .. } = &window;
        let figures = (window.succeeded, window.failed, window.lost, window.mean_in_flight);
        writeln!(text, "{figures:?} {pool:?} {class:?} {:?} {cores:?}", latency.percentiles()).unwrap();
    }
}

#[test]
fn every_bundled_scenario_is_the_same_twice_and_another_with_another_seed() {
    for bundled in bundled::ALL {
        let scenario = bundled.scenario().unwrap();
        let workers = |tick: u64| 1 + u32::try_from(tick % 60).unwrap();
        let first = played(&scenario, workers);
        assert_eq!(first, played(&scenario, workers), "{}", bundled.name);
        assert_eq!(first.lines().count(), usize::try_from(scenario.ticks()).unwrap());
        let other = Scenario { seed: 2, ..scenario };
        assert_ne!(first, played(&other, workers), "{}", bundled.name);
    }
}

#[test]
fn a_tick_of_a_bundled_scenario_has_some_hundreds_of_requests() {
    for bundled in bundled::ALL {
        let scenario = bundled.scenario().unwrap();
        let mut model = Model::new(&scenario);
        model.set_workers(30);
        let windows: Vec<Window> = std::iter::from_fn(|| model.tick()).collect();
        let succeeded: u64 = windows.iter().map(|window| window.succeeded).sum();
        let each = to_f64(succeeded) / to_f64(scenario.ticks());
        assert!((100.0..5_000.0).contains(&each), "{}: {each}", bundled.name);
    }
}

#[test]
fn arrivals_of_an_open_scenario_do_not_hang_on_the_workers() {
    let scenario = bundled::find("daily").unwrap().scenario().unwrap();
    let arrived = |workers: u32| {
        let mut model = Model::new(&scenario);
        model.set_workers(workers);
        let windows: Vec<Window> = std::iter::from_fn(|| model.tick()).collect();
        windows.iter().map(|window| (window.succeeded, window.lost)).collect::<Vec<_>>()
    };
    // Both have a worker for everyone who comes.
    assert_eq!(arrived(120), arrived(200));
    let sum = |windows: &[(u64, u64)]| windows.iter().map(|(succeeded, lost)| succeeded + lost).sum::<u64>();
    let (few, many) = (sum(&arrived(30)), sum(&arrived(200)));
    assert!(few.abs_diff(many) <= 60, "{few} {many}");
}

#[test]
fn fewer_workers_let_running_tasks_end_and_more_begin_at_once() {
    let text = "name = \"t\"\nsummary = \"t\"\nseed = 1\ntick-ms = 10\npool = \"io\"\nworkers = { min = 1, max = 50 }\n\
        [[phase]]\nname = \"p\"\nticks = 40\narrivals = { closed = { clients = 50 } }\n[phase.service]\ndelay-ms = 100\n";
    let mut model = Model::new(&Scenario::from_text("t", text).unwrap());
    model.set_workers(40);
    let busy = |model: &mut Model, ticks: usize| {
        let windows: Vec<Window> = std::iter::from_fn(|| model.tick()).take(ticks).collect();
        windows.last().map(|window| (window.mean_in_flight.round(), window.pool.utilisation)).unwrap()
    };
    assert_eq!(busy(&mut model, 2), (40.0, 1.0));
    assert_eq!(model.set_workers(0), 1);
    assert_eq!(busy(&mut model, 5), (40.0, 1.0), "they end what they run");
    assert_eq!(busy(&mut model, 10), (1.0, 1.0));
    assert_eq!(model.set_workers(99), 50);
    assert_eq!(busy(&mut model, 1), (50.0, 1.0));
}

#[test]
fn clients_come_and_leave_with_their_phase() {
    let phase = |clients: u32| {
        format!(
            "[[phase]]\nname = \"{clients}\"\nticks = 20\narrivals = {{ closed = {{ clients = {clients} }} }}\n\
             [phase.service]\ndelay-ms = 10\n"
        )
    };
    let open = "[[phase]]\nname = \"open\"\nticks = 20\narrivals = { open = { rate = 200, process = \"even\" } }\n\
        [phase.service]\ndelay-ms = 10\n";
    let top = "name = \"t\"\nsummary = \"t\"\nseed = 1\ntick-ms = 1000\npool = \"io\"\nworkers = { min = 1, max = 50 }\n";
    let text = [top, &phase(10), &phase(4), open, &phase(20)].concat();
    let mut model = Model::new(&Scenario::from_text("t", &text).unwrap());
    model.set_workers(50);
    let windows: Vec<Window> = std::iter::from_fn(|| model.tick()).collect();
    let at = |tick: usize| (windows[tick].phase, windows[tick].succeeded);
    assert_eq!([at(10), at(30), at(50), at(70)], [(0, 1_000), (1, 400), (2, 200), (3, 2_000)]);
}

/// One of some texts.
fn one(of: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    proptest::sample::select(of)
}

prop_compose! {
    fn phase()(
        ticks in 1_u64..6,
        arrivals in one(&[
            "closed = { clients = 1 }", "closed = { clients = 300 }", "closed = { clients = 20, think-ms = 0.01 }",
            "closed = { clients = 50, think-ms = 30 }", "open = { rate = 0.01 }", "open = { rate = 5000, queue = 1 }",
            "open = { rate = 900, process = \"even\" }", "bursts = { low = 1, high = 4000, off-ticks = 1, on-ticks = 2 }",
            "bursts = { low = 400, high = 0.1, off-ticks = 3, on-ticks = 1, process = \"even\" }",
            "daily = { low = 0.001, high = 3000, period-ticks = 3 }",
            "daily = { low = 5, high = 5, period-ticks = 2, process = \"even\" }",
        ]),
        delay in one(&["", "delay-ms = 0.01", "delay-ms = 1", "delay-ms = 70", "delay-ms = 600000"]),
        jitter in one(&["", "jitter = \"exponential\"", "jitter = { uniform = 1.0 }", "jitter = { normal = 0.4 }"]),
        knee in one(&["", "knee = { at = 1, exponent = 10 }", "knee = { at = 20, exponent = 0.0 }"]),
        contention in one(&["", "contention = { sigma = 1.0, kappa = 1.0 }", "contention = { sigma = 0.1, kappa = 0.0 }"]),
        limit in one(&["", "drop = { at = 1, timeout-ms = 0.01 }", "drop = { at = 9, timeout-ms = 500 }",
            "defer = { at = 3, answer-ms = 0.5 }", "defer = { at = 2, answer-ms = 1 }\ndrop = { at = 1, timeout-ms = 2 }"]),
        rate in one(&["", "rate-limit = { per-second = 0.001, beyond = \"wait\" }",
            "rate-limit = { per-second = 100, burst = 1000000, beyond = \"wait\" }",
            "rate-limit = { per-second = 50, beyond = { refuse = { answer-ms = 0.3 } } }"]),
        cpu in one(&["", "cpu = { time-ms = 0.01 }", "cpu = { time-ms = 3, switch-cost = 10.0 }",
            "cpu = { time-ms = 2 }\nneighbour = { share = 0.95, off-ticks = 0, on-ticks = 1 }",
            "cpu = { time-ms = 8 }\nneighbour = { share = 0.3, off-ticks = 1, on-ticks = 2 }"]),
    ) -> String {
        let service = [delay, jitter, knee, contention, limit, rate, cpu].join("\n");
        format!("[[phase]]\nname = \"p\"\nticks = {ticks}\narrivals = {{ {arrivals} }}\n[phase.service]\n{service}\n")
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// What a check lets through is played in bounded time, and its figures are figures.
    #[test]
    fn no_scenario_panics_or_hangs(
        phases in proptest::collection::vec(phase(), 1..4),
        seed in any::<u64>().prop_map(|seed| seed >> 1),
        workers in proptest::collection::vec(0_u32..300, 1..8),
    ) {
        let top = format!(
            "name = \"t\"\nsummary = \"t\"\nseed = {seed}\ntick-ms = 20\npool = \"cpu\"\ncores = 3\n\
             workers = {{ min = 1, max = 200 }}\n"
        );
        let Ok(scenario) = Scenario::from_text("t", &(top + &phases.concat())) else { return Ok(()) };
        let mut model = Model::new(&scenario);
        for workers in workers.iter().cycle() {
            model.set_workers(*workers);
            let Some(window) = model.tick() else { break };
            let pool = &window.pool;
            prop_assert_eq!(pool.window_completed, window.succeeded + window.failed);
            prop_assert!((0.0..=1.0).contains(&pool.utilisation), "{:?}", pool);
            prop_assert!((0.0..=200.001).contains(&window.mean_in_flight), "{}", window.mean_in_flight);
            for figure in [pool.mean_wait_us, pool.mean_service_us, window.goodput, window.class.cpu_share] {
                prop_assert!(figure.is_finite() && figure >= 0.0, "{:?}", window);
            }
            for (name, value) in window.gauges() {
                prop_assert!((-1e-9..=3.0 + 1e-9).contains(&value), "{} {}", name, value);
            }
        }
    }
}
