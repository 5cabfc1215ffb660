//! Whether the values of a scenario can be played: each in its range, and all together in bounded time.

use std::fmt::Display;
use std::ops::RangeInclusive;

use host_contract::number::to_f64;

use crate::error::ScenarioError;
use crate::scenario::{Arrivals, Beyond, Jitter, Phase, Scenario, Service};

/// Times, ms: from 10 us to 10 minutes.
const TIME: RangeInclusive<f64> = 0.01..=600_000.0;
/// Rates, requests a second.
const RATE: RangeInclusive<f64> = 0.001..=1_000_000.0;
/// Requests that all phases may lead to. They are played in some ten seconds.
const MOST_REQUESTS: f64 = 20_000_000.0;

/// Checks the values of one part of a file.
struct Part<'a> {
    place: &'a str,
    /// What the names of its fields begin with.
    of: String,
}

impl Part<'_> {
    fn wrong(&self, field: &str, expected: String, got: impl Display) -> ScenarioError {
        let field = format!("{}{field}", self.of);
        ScenarioError::Value { place: self.place.to_owned(), field, expected, got: got.to_string() }
    }

    fn within<T: PartialOrd + Display>(
        &self,
        field: &str,
        value: T,
        range: RangeInclusive<T>,
    ) -> Result<(), ScenarioError> {
        if range.contains(&value) {
            return Ok(());
        }
        Err(self.wrong(field, format!("{} to {}", range.start(), range.end()), value))
    }
}

/// `lines` has the place of each phase.
pub(crate) fn check(scenario: &Scenario, file: &str, lines: &[String]) -> Result<(), ScenarioError> {
    let whole = Part { place: file, of: String::new() };
    whole.within("tick-ms", scenario.tick_ms, 1.0..=60_000.0)?;
    whole.within("workers.min", scenario.workers.min, 1..=4_096)?;
    whole.within("workers.max", scenario.workers.max, scenario.workers.min..=4_096)?;
    if let Some(cores) = scenario.cores {
        whole.within("cores", cores, 1..=1_024)?;
    }
    if scenario.phases.is_empty() {
        return Err(whole.wrong("phase", "at least one".to_owned(), "none"));
    }
    let mut requests = 0.0;
    for (number, phase) in scenario.phases.iter().enumerate() {
        let place = lines.get(number).map_or(file, String::as_str);
        let part = Part { place, of: format!("phase {:?}: ", phase.name) };
        part.within("ticks", phase.ticks, 1..=100_000)?;
        arrivals(&part, &phase.arrivals)?;
        service(&part, &phase.service)?;
        if phase.service.cpu.is_some() && scenario.cores.is_none() {
            return Err(part.wrong("service.cpu", "`cores = N` at the top of the file".to_owned(), "none"));
        }
        requests += most_requests(scenario, phase);
    }
    if requests > MOST_REQUESTS {
        let expected = format!("phases of at most {MOST_REQUESTS} requests together");
        return Err(whole.wrong("phase", expected, format!("up to {requests:.0}")));
    }
    Ok(())
}

fn arrivals(part: &Part<'_>, arrivals: &Arrivals) -> Result<(), ScenarioError> {
    let queue = |name: &str, queue: u32| part.within(&format!("arrivals.{name}.queue"), queue, 1..=1_000_000);
    match arrivals {
        Arrivals::Closed(closed) => {
            part.within("arrivals.closed.clients", closed.clients, 1..=100_000)?;
            part.within("arrivals.closed.think-ms", closed.think_ms, 0.0..=600_000.0)
        }
        Arrivals::Open(open) => {
            part.within("arrivals.open.rate", open.rate, RATE)?;
            queue("open", open.queue)
        }
        Arrivals::Bursts(bursts) => {
            part.within("arrivals.bursts.low", bursts.low, RATE)?;
            part.within("arrivals.bursts.high", bursts.high, RATE)?;
            part.within("arrivals.bursts.off-ticks", bursts.off_ticks, 1..=100_000)?;
            part.within("arrivals.bursts.on-ticks", bursts.on_ticks, 1..=100_000)?;
            queue("bursts", bursts.queue)
        }
        Arrivals::Daily(daily) => {
            part.within("arrivals.daily.low", daily.low, RATE)?;
            part.within("arrivals.daily.high", daily.high, daily.low..=*RATE.end())?;
            part.within("arrivals.daily.period-ticks", daily.period_ticks, 2..=100_000)?;
            queue("daily", daily.queue)
        }
    }
}

fn service(part: &Part<'_>, service: &Service) -> Result<(), ScenarioError> {
    let time = |field: &str, ms: f64| part.within(field, ms, TIME);
    if service.delay_ms != 0.0 || service.cpu.is_none() {
        time("service.delay-ms", service.delay_ms)?;
    }
    match service.jitter {
        Some(Jitter::Uniform(width)) => part.within("service.jitter.uniform", width, 0.0..=1.0)?,
        Some(Jitter::Normal(deviation)) => part.within("service.jitter.normal", deviation, 0.0..=0.4)?,
        Some(Jitter::Exponential) | None => {}
    }
    if let Some(knee) = &service.knee {
        part.within("service.knee.at", knee.at, 1..=100_000)?;
        part.within("service.knee.exponent", knee.exponent, 0.0..=10.0)?;
    }
    if let Some(contention) = &service.contention {
        part.within("service.contention.sigma", contention.sigma, 0.0..=1.0)?;
        part.within("service.contention.kappa", contention.kappa, 0.0..=1.0)?;
    }
    if let Some(drop) = &service.drop {
        part.within("service.drop.at", drop.at, 1..=100_000)?;
        time("service.drop.timeout-ms", drop.timeout_ms)?;
    }
    if let Some(defer) = &service.defer {
        part.within("service.defer.at", defer.at, 1..=100_000)?;
        time("service.defer.answer-ms", defer.answer_ms)?;
    }
    if let Some(limit) = &service.rate_limit {
        part.within("service.rate-limit.per-second", limit.per_second, RATE)?;
        part.within("service.rate-limit.burst", limit.burst, 1..=1_000_000)?;
        if let Beyond::Refuse(refusal) = &limit.beyond {
            time("service.rate-limit.beyond.refuse.answer-ms", refusal.answer_ms)?;
        }
    }
    if let Some(cpu) = &service.cpu {
        time("service.cpu.time-ms", cpu.time_ms)?;
        part.within("service.cpu.switch-cost", cpu.switch_cost, 0.0..=10.0)?;
    }
    if let Some(neighbour) = &service.neighbour {
        if service.cpu.is_none() {
            return Err(part.wrong("service.neighbour", "`service.cpu` beside it".to_owned(), "none"));
        }
        part.within("service.neighbour.share", neighbour.share, 0.01..=0.95)?;
        part.within("service.neighbour.off-ticks", neighbour.off_ticks, 0..=100_000)?;
        part.within("service.neighbour.on-ticks", neighbour.on_ticks, 1..=100_000)?;
    }
    Ok(())
}

/// Requests, retries among them, that a phase leads to at the most, on average.
fn most_requests(scenario: &Scenario, phase: &Phase) -> f64 {
    let service = &phase.service;
    let served = service.delay_ms + service.cpu.as_ref().map_or(0.0, |cpu| cpu.time_ms);
    let refused = match service.rate_limit.as_ref().map(|limit| &limit.beyond) {
        Some(Beyond::Refuse(refusal)) => refusal.answer_ms,
        _ => f64::INFINITY,
    };
    let dropped = service.drop.as_ref().map_or(f64::INFINITY, |drop| drop.timeout_ms);
    let deferred = service.defer.as_ref().map_or(f64::INFINITY, |defer| defer.answer_ms);
    let shortest = served.min(refused).min(dropped).min(deferred);
    let a_second = match &phase.arrivals {
        Arrivals::Closed(closed) => {
            // A failure is tried again without a pause.
            let pause = if shortest < served { 0.0 } else { closed.think_ms };
            let by_clients = f64::from(closed.clients) / (shortest + pause);
            by_clients.min(f64::from(scenario.workers.max) / shortest) * 1_000.0
        }
        Arrivals::Open(open) => open.rate,
        Arrivals::Bursts(bursts) => bursts.low.max(bursts.high),
        Arrivals::Daily(daily) => daily.high,
    };
    a_second * scenario.tick_ms / 1_000.0 * to_f64(phase.ticks)
}
