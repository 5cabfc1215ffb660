//! The model against what queueing theory says of it.

#![expect(clippy::unwrap_used, reason = "a test: what is not there fails it")]

use host_contract::number::to_f64;
use host_scenario::{Model, Scenario, Window};

/// A scenario of one phase.
fn scenario(top: &str, arrivals: &str, service: &str, ticks: u64) -> Scenario {
    let text = format!(
        "name = \"t\"\nsummary = \"t\"\nseed = 3\ntick-ms = 1000\nworkers = {{ min = 1, max = 400 }}\n{top}\n\
         [[phase]]\nname = \"p\"\nticks = {ticks}\narrivals = {arrivals}\n[phase.service]\n{service}\n"
    );
    Scenario::from_text("t.toml", &text).unwrap()
}

const IO: &str = "pool = \"io\"";
const FOUR_CORES: &str = "pool = \"cpu\"\ncores = 4";

/// The windows from the sixth on, with so many workers.
fn settled(scenario: &Scenario, workers: u32) -> Vec<Window> {
    let mut model = Model::new(scenario);
    assert_eq!(model.set_workers(workers), workers);
    std::iter::from_fn(|| model.tick()).skip(5).collect()
}

fn mean(windows: &[Window], figure: impl Fn(&Window) -> f64) -> f64 {
    let sum: f64 = windows.iter().map(figure).sum();
    sum / windows.iter().map(|_| 1.0).sum::<f64>()
}

/// The mean of a figure of tasks, each task counting once.
fn by_task(windows: &[Window], figure: impl Fn(&Window) -> f64) -> f64 {
    let tasks = |window: &Window| to_f64(window.pool.window_completed);
    mean(windows, |window| figure(window) * tasks(window)) / mean(windows, tasks)
}

#[track_caller]
fn near(measured: f64, expected: f64, within: f64) {
    assert!((measured / expected - 1.0).abs() <= within, "measured {measured}, expected {expected}");
}

/// Probability of waiting in M/M/c with a load of `offered` Erlang (Erlang's C).
fn erlang_c(servers: u32, offered: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for n in 1..servers {
        term *= offered / f64::from(n);
        sum += term;
    }
    let c = f64::from(servers);
    let last = term * offered / c * c / (c - offered);
    last / (sum + last)
}

#[test]
fn waiting_is_that_of_m_m_c() {
    for (rate, servers) in [(20.0, 1_u32), (85.0, 4), (380.0, 16)] {
        let (arrivals, service) = (
            format!("{{ open = {{ rate = {rate}, queue = 100000 }} }}"),
            "delay-ms = 40\njitter = \"exponential\"",
        );
        let windows = settled(&scenario(IO, &arrivals, service, 6_000), servers);
        let (mu, offered) = (25.0, rate / 25.0);
        let expected = erlang_c(servers, offered) / (f64::from(servers) * mu - rate) * 1e6;
        near(by_task(&windows, |window| window.pool.mean_wait_us), expected, 0.06);
        near(mean(&windows, |window| window.goodput), rate, 0.01);
        near(mean(&windows, |window| window.pool.utilisation), offered / f64::from(servers), 0.02);
    }
}

#[test]
fn little_s_law_holds() {
    let service = "delay-ms = 30\njitter = { normal = 0.3 }\nknee = { at = 20, exponent = 1.3 }";
    let windows = settled(&scenario(IO, "{ closed = { clients = 50 } }", service, 400), 35);
    let (rate, seconds) = (
        mean(&windows, |window| window.goodput),
        by_task(&windows, |window| window.pool.mean_service_us) / 1e6,
    );
    near(mean(&windows, |window| window.mean_in_flight), rate * seconds, 0.002);
    // All 50 clients are somewhere.
    let all = seconds + by_task(&windows, |window| window.pool.mean_wait_us) / 1e6;
    near(rate * all, 50.0, 0.002);
}

#[test]
fn a_closed_loop_gives_workers_or_clients_over_the_delay() {
    for (workers, clients, think, expected) in [
        (1_u32, 40, 0, 25.0),
        (10, 40, 0, 250.0),
        (40, 40, 0, 1_000.0),
        (200, 40, 0, 1_000.0),
        (200, 40, 160, 200.0),
    ] {
        let arrivals = format!("{{ closed = {{ clients = {clients}, think-ms = {think} }} }}");
        let windows = settled(&scenario(IO, &arrivals, "delay-ms = 40", 300), workers);
        near(mean(&windows, |window| window.goodput), expected, 0.01);
    }
}

#[test]
fn contention_and_knee_are_their_formulas() {
    for n in [1_u32, 5, 20, 60, 150] {
        let many = f64::from(n);
        let service = "delay-ms = 20\ncontention = { sigma = 0.03, kappa = 0.0005 }";
        let windows = settled(&scenario(IO, "{ closed = { clients = 300 } }", service, 60), n);
        let usl = many / 0.02 / (1.0 + 0.03 * (many - 1.0) + 0.0005 * many * (many - 1.0));
        near(mean(&windows, |window| window.goodput), usl, 0.02);

        let service = "delay-ms = 20\nknee = { at = 20, exponent = 1.5 }";
        let windows = settled(&scenario(IO, "{ closed = { clients = 300 } }", service, 60), n);
        let slower = (many / 20.0).max(1.0).powf(1.5);
        near(mean(&windows, |window| window.goodput), many / 0.02 / slower, 0.02);
    }
}

#[test]
fn cores_give_cores_over_the_time_and_the_gauges_say_so() {
    for (workers, speed) in [(2_u32, 1.0), (4, 1.0), (16, 1.0 / (1.0 + 0.1 * 3.0))] {
        let service = "cpu = { time-ms = 5, switch-cost = 0.1 }";
        let windows = settled(&scenario(FOUR_CORES, "{ closed = { clients = 60 } }", service, 60), workers);
        let busy = f64::from(workers.min(4));
        near(mean(&windows, |window| window.goodput), busy / 0.005 * speed, 0.01);
        let cores = windows.last().unwrap().cores.unwrap();
        near(cores.used, busy, 1e-6);
        let waited = 1.0 - busy / f64::from(workers);
        assert!((cores.waited - waited).abs() < 1e-6 && cores.others == 0.0, "{cores:?}");
        assert_eq!(cores.pressure > 0.9, workers > 4, "{cores:?}");
        assert_eq!(windows.last().unwrap().gauges().len(), 4);
    }
}

#[test]
fn one_core_shared_by_all_is_m_m_1_ps() {
    let service = "jitter = \"exponential\"\ncpu = { time-ms = 5 }";
    let arrivals = "{ open = { rate = 140, queue = 100000 } }";
    let windows = settled(&scenario("pool = \"io\"\ncores = 1", arrivals, service, 6_000), 400);
    near(by_task(&windows, |window| window.pool.mean_service_us), 5_000.0 / (1.0 - 0.7), 0.05);
}

#[test]
fn a_neighbour_takes_its_share_in_its_ticks() {
    let service = "cpu = { time-ms = 5 }\nneighbour = { share = 0.5, off-ticks = 10, on-ticks = 10 }";
    let mut model = Model::new(&scenario(FOUR_CORES, "{ closed = { clients = 60 } }", service, 60));
    model.set_workers(8);
    let windows: Vec<Window> = std::iter::from_fn(|| model.tick()).collect();
    for window in windows.iter().skip(1) {
        let there = (window.tick - 1) % 20 >= 10;
        near(window.goodput, if there { 400.0 } else { 800.0 }, 0.02);
        assert_eq!(window.cores.unwrap().others, if there { 0.5 } else { 0.0 });
    }
}

#[test]
fn limits_fail_what_is_beyond_and_serve_the_rest() {
    let closed = "{ closed = { clients = 100 } }";
    for (limit, answer) in
        [("drop = { at = 20, timeout-ms = 400 }", 0.4), ("defer = { at = 20, answer-ms = 10 }", 0.01)]
    {
        let scenario = scenario(IO, closed, &format!("delay-ms = 40\n{limit}"), 100);
        let windows = settled(&scenario, 20);
        assert!(windows.iter().all(|window| window.failed == 0));
        near(mean(&windows, |window| window.goodput), 500.0, 0.01);
        let beyond = settled(&scenario, 60);
        near(mean(&beyond, |window| to_f64(window.failed)), 40.0 / answer, 0.03);
        near(mean(&beyond, |window| window.goodput), 500.0, 0.03);
        let p99 = |windows: &[Window]| mean(windows, |window| window.latency.percentiles().p99_us);
        assert!(p99(&beyond) > 1.5 * p99(&windows), "{} {}", p99(&beyond), p99(&windows));
    }
    for beyond in ["\"wait\"", "{ refuse = { answer-ms = 20 } }"] {
        let service =
            format!("delay-ms = 40\nrate-limit = {{ per-second = 300, burst = 10, beyond = {beyond} }}");
        let scenario = scenario(IO, closed, &service, 100);
        near(mean(&settled(&scenario, 10), |window| window.goodput), 250.0, 0.01);
        let windows = settled(&scenario, 60);
        near(mean(&windows, |window| window.goodput), 300.0, 0.01);
        assert_eq!(windows.iter().any(|window| window.failed > 0), beyond != "\"wait\"");
    }
}

#[test]
fn open_rates_follow_their_curves_and_what_does_not_fit_is_lost() {
    let service = "delay-ms = 1";
    for process in ["poisson", "even"] {
        let within = if process == "even" { 0.03 } else { 0.2 };
        let bursts = format!(
            "{{ bursts = {{ low = 300, high = 1500, off-ticks = 6, on-ticks = 4, process = \"{process}\" }} }}"
        );
        for window in settled(&scenario(IO, &bursts, service, 60), 50) {
            near(window.goodput, if (window.tick - 1) % 10 < 6 { 300.0 } else { 1_500.0 }, within);
        }
        let daily =
            format!("{{ daily = {{ low = 300, high = 900, period-ticks = 40, process = \"{process}\" }} }}");
        for window in settled(&scenario(IO, &daily, service, 80), 50) {
            let at = std::f64::consts::TAU * (to_f64(window.tick) - 0.5) / 40.0;
            near(window.goodput, 600.0 - 300.0 * at.cos(), within);
        }
    }
    let open = "{ open = { rate = 500, queue = 20 } }";
    let windows = settled(&scenario(IO, open, "delay-ms = 10", 100), 3);
    near(mean(&windows, |window| window.goodput), 300.0, 0.01);
    near(mean(&windows, |window| to_f64(window.lost)), 200.0, 0.05);
    assert!(windows.iter().all(|window| window.pool.queued <= 20));
}
