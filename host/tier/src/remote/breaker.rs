//! Whether it is worth asking a server: a circuit breaker.
//!
//! Closed, everything goes through. After so many failures in a row it opens: nothing goes through until a pause is over. Then it is
//! half-open, and one request goes through to try: when that succeeds the breaker closes, else it opens for twice as long. A try that
//! is never heard of again (its caller was dropped) is forgotten after the pause.

use std::time::Duration;

use parking_lot::Mutex;

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Everything goes through.
    Closed,
    /// Nothing goes through.
    Open,
    /// One request is trying.
    HalfOpen,
}

/// When it opens, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Failures in a row that open it.
    pub(super) failures: u32,
    /// The first pause, and the longest.
    pub(super) pauses: (Duration, Duration),
}

#[derive(Debug)]
enum State {
    Closed { failures: u32 },
    Open { until: Duration, pause: Duration },
    HalfOpen { since: Duration, pause: Duration },
}

/// That a request may go through. Its outcome is reported with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    Ordinary,
    Try,
}

#[derive(Debug)]
pub(super) struct Breaker {
    limits: Limits,
    state: Mutex<State>,
}

impl Breaker {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, state: Mutex::new(State::Closed { failures: 0 }) }
    }

    /// Whether a request may go through at `now`.
    pub(super) fn ask(&self, now: Duration) -> Option<Permit> {
        let mut state = self.state.lock();
        let pause = match *state {
            State::Closed { .. } => return Some(Permit::Ordinary),
            State::Open { until, pause } if now >= until => pause,
            State::HalfOpen { since, pause } if now >= since.saturating_add(pause) => pause,
            _ => return None,
        };
        *state = State::HalfOpen { since: now, pause };
        Some(Permit::Try)
    }

    /// How a request went. True where that has opened the breaker, and it was closed before.
    pub(super) fn report(&self, permit: Permit, went_well: bool, now: Duration) -> bool {
        let mut state = self.state.lock();
        let (first, longest) = self.limits.pauses;
        match (&mut *state, permit, went_well) {
            (State::Closed { failures }, Permit::Ordinary, true) => *failures = 0,
            (State::Closed { failures }, Permit::Ordinary, false) => {
                *failures += 1;
                if *failures >= self.limits.failures {
                    *state = State::Open { until: now.saturating_add(first), pause: first };
                    return true;
                }
            }
            (State::HalfOpen { .. }, Permit::Try, true) => *state = State::Closed { failures: 0 },
            (State::HalfOpen { pause, .. }, Permit::Try, false) => {
                let pause = pause.saturating_mul(2).min(longest);
                *state = State::Open { until: now.saturating_add(pause), pause };
            }
            // It began before the breaker came to stand as it does.
            _ => {}
        }
        false
    }

    pub(super) fn state(&self) -> BreakerState {
        match *self.state.lock() {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn breaker() -> Breaker {
        Breaker::new(Limits { failures: 3, pauses: (at(1), at(3)) })
    }

    #[test]
    fn failures_in_a_row_open_it_and_a_success_between_starts_the_count_anew() {
        let breaker = breaker();
        let outcomes = [false, false, true, false, false];
        assert!(outcomes.iter().all(|well| !breaker.report(Permit::Ordinary, *well, at(0))));
        assert_eq!(breaker.state(), BreakerState::Closed);
        assert!(breaker.report(Permit::Ordinary, false, at(0)));
        assert_eq!((breaker.state(), breaker.ask(at(0))), (BreakerState::Open, None));
    }

    #[test]
    fn one_request_tries_after_the_pause_which_doubles_up_to_the_longest() {
        let breaker = breaker();
        (0..3).for_each(|_| {
            breaker.report(Permit::Ordinary, false, at(10));
        });
        for (opens, tries) in [(10, 11), (11, 13), (13, 16), (16, 19)] {
            assert_eq!(breaker.ask(at(tries) - Duration::from_nanos(1)), None, "opened at {opens}");
            assert_eq!(breaker.ask(at(tries)), Some(Permit::Try));
            assert_eq!((breaker.state(), breaker.ask(at(tries))), (BreakerState::HalfOpen, None));
            breaker.report(Permit::Try, false, at(tries));
        }
        assert_eq!(breaker.ask(at(22)), Some(Permit::Try));
        // One that began before it opened says nothing.
        breaker.report(Permit::Ordinary, true, at(22));
        assert_eq!(breaker.state(), BreakerState::HalfOpen);
        breaker.report(Permit::Try, true, at(22));
        assert_eq!((breaker.state(), breaker.ask(at(22))), (BreakerState::Closed, Some(Permit::Ordinary)));
    }

    #[test]
    fn a_try_that_is_never_heard_of_again_is_forgotten() {
        let breaker = breaker();
        (0..3).for_each(|_| {
            breaker.report(Permit::Ordinary, false, at(0));
        });
        assert_eq!(breaker.ask(at(1)), Some(Permit::Try));
        assert_eq!(breaker.ask(at(1)), None);
        assert_eq!(breaker.ask(at(2)), Some(Permit::Try));
    }
}
