//! The server: whether it takes a request, and how long it delays it.

use super::task::Task;
use crate::random::Stream;
use crate::scenario::{Beyond, Jitter, Service};

/// The number that its random numbers have among those of a seed.
const STREAM: u64 = 0x5e21_71ce;
/// No request is faster than this, seconds.
const SHORTEST: f64 = 1e-6;

/// What the server says when a request comes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Answer {
    /// Its delay ends after so many seconds; then it needs so many on a core.
    Takes { delay: f64, work: f64 },
    /// It has failed after so many seconds.
    Fails { after: f64 },
}

/// The server of a phase.
#[derive(Debug)]
pub(crate) struct Server {
    seed: u64,
    service: Service,
    /// When the rate limit lets the next request through, at the earliest. Seconds since the start.
    free: f64,
}

impl Server {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, service: Service::default(), free: 0.0 }
    }

    pub(crate) fn begin_phase(&mut self, service: &Service) {
        self.service = service.clone();
        self.free = 0.0;
    }

    /// A request comes while `serving` others are being served.
    pub(crate) fn answer(&mut self, task: &Task, now: f64, serving: u32) -> Answer {
        let service = &self.service;
        if let Some(drop) = service.drop.as_ref().filter(|drop| serving >= drop.at) {
            return Answer::Fails { after: drop.timeout_ms / 1_000.0 };
        }
        if let Some(defer) = service.defer.as_ref().filter(|defer| serving >= defer.at) {
            return Answer::Fails { after: defer.answer_ms / 1_000.0 };
        }
        let mut held = 0.0;
        if let Some(limit) = &service.rate_limit {
            // A bucket of `burst` tokens, kept as the time at which it is full (GCRA).
            let gap = 1.0 / limit.per_second;
            let full = self.free.max(now);
            let wait = full - now - gap * (f64::from(limit.burst) - 1.0);
            if let Beyond::Refuse(refusal) = &limit.beyond
                && wait > 0.0
            {
                return Answer::Fails { after: refusal.answer_ms / 1_000.0 };
            }
            held = wait.max(0.0);
            self.free = full + gap;
        }
        let mut random = Stream::new(self.seed ^ STREAM, task.number);
        let delay = service.delay_ms / 1_000.0 * self.crowding(serving + 1) * self.jitter(&mut random);
        let work = service.cpu.as_ref().map_or(0.0, |cpu| cpu.time_ms / 1_000.0 * self.jitter(&mut random));
        if service.cpu.is_some() {
            Answer::Takes { delay: held + delay, work: work.max(SHORTEST) }
        } else {
            Answer::Takes { delay: held + delay.max(SHORTEST), work: 0.0 }
        }
    }

    /// How many times as long the delay is with `n` in flight.
    fn crowding(&self, n: u32) -> f64 {
        let many = f64::from(n);
        let knee = self.service.knee.as_ref().map_or(1.0, |knee| {
            let over = many / f64::from(knee.at);
            if over > 1.0 { over.powf(knee.exponent) } else { 1.0 }
        });
        let contention = self
            .service
            .contention
            .as_ref()
            .map_or(1.0, |law| 1.0 + law.sigma * (many - 1.0) + law.kappa * many * (many - 1.0));
        knee * contention
    }

    fn jitter(&self, random: &mut Stream) -> f64 {
        match self.service.jitter {
            None => 1.0,
            Some(Jitter::Uniform(width)) => 1.0 + width * (2.0 * random.unit() - 1.0),
            Some(Jitter::Normal(deviation)) => (1.0 + deviation * random.normal()).max(0.01),
            Some(Jitter::Exponential) => random.exponential(),
        }
    }
}
