//! One call of a guest, under fuel, deadline and memory cap, and what its failure means.
//!
//! Fuel decides, so that a run gives the same outcome twice: a guest has it once for its own instructions, and
//! as much again for its calls of the host. The machine's clock is asked at every
//! tick of the epoch: a guest that is stopped by it was slow rather than wrong, and may get further
//! in another run. A guest that waits is driven through virtual time right here (see `clock.rs`):
//! no thread is ever held by a guest that sleeps, and no async runtime is needed.
//!
//! After any failure the store is dead: wasmtime refuses to enter it again.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use host_control::Fault;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use crate::clock::Clock;
use crate::names;
use crate::state::State;
use crate::ticker::Ticker;

/// Bytes that a guest may hand to the host in one call of an import.
const HOSTCALL_BYTES: usize = 4 << 20;

/// Bytes kept of what a guest said before it trapped.
const MAX_LAST_WORDS: usize = 512;

/// What one call may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) fuel: u64,
    pub(crate) deadline: Duration,
    /// The time that the guest is shown.
    pub(crate) now: Duration,
}

/// Raised to stop a guest whose time is up.
#[derive(Debug, thiserror::Error)]
#[error("the deadline has passed")]
struct TimeIsUp;

/// A store with everything that bounds its calls.
pub(crate) fn store(engine: &wasmtime::Engine, state: State) -> Store<State> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    store.epoch_deadline_callback(|context| {
        if Instant::now() >= context.data().stop_at {
            return Err(TimeIsUp.into());
        }
        Ok(UpdateDeadline::Continue(1))
    });
    store
}

/// Runs one call to its end. `call` starts it.
///
/// # Errors
/// Why it did not end well. The store must not be called again.
pub(crate) fn run<T>(
    store: &mut Store<State>,
    ticker: &Ticker,
    allowance: Allowance,
    call: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<(T, u64), (Fault, u64)> {
    let clock = std::sync::Arc::clone(&store.data().clock);
    clock.enter(allowance.now, allowance.deadline);
    store.data_mut().stop_at = Instant::now() + allowance.deadline;
    store.data_mut().fuel_left = allowance.fuel;
    store.data_mut().memory.take_refused();
    store.set_epoch_deadline(1);
    let filled = store.set_fuel(allowance.fuel);
    let answer = filled.and_then(|()| {
        let _ticking = ticker.during(allowance.deadline);
        drive(call(store), &clock)
    });
    let instructions = allowance.fuel.saturating_sub(store.get_fuel().unwrap_or_default());
    let calls = allowance.fuel.saturating_sub(store.data().fuel_left);
    let fuel = instructions.saturating_add(calls);
    let last_words = store.data_mut().drain_streams();
    match answer {
        Ok(answer) => Ok((answer, fuel)),
        Err(error) => Err((fault(&error, store.data_mut(), allowance, &last_words), fuel)),
    }
}

/// Polls a call, and moves the guest's clock on whenever it waits.
fn drive<T>(call: impl Future<Output = wasmtime::Result<T>>, clock: &Clock) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match call.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return answer,
            Poll::Pending if clock.jump() => {}
            Poll::Pending => return Err(TimeIsUp.into()),
        }
    }
}

fn fault(error: &wasmtime::Error, state: &mut State, allowance: Allowance, last_words: &str) -> Fault {
    let trap = error.downcast_ref::<Trap>().copied();
    if error.is::<TimeIsUp>() || trap == Some(Trap::Interrupt) {
        return Fault::Deadline(u64::try_from(allowance.deadline.as_millis()).unwrap_or(u64::MAX));
    }
    if trap == Some(Trap::OutOfFuel) {
        return Fault::OutOfFuel(allowance.fuel);
    }
    if state.memory.take_refused() {
        return Fault::OutOfMemory(state.memory.limit());
    }
    let reason = match (error.downcast_ref::<I32Exit>(), trap) {
        (Some(exit), _) => format!("it called exit({})", exit.0),
        (None, Some(Trap::StackOverflow)) => "call stack exhausted: recursion too deep".to_owned(),
        // A guest's own stack lies at the bottom of its memory and overflows downwards.
        (None, Some(Trap::MemoryOutOfBounds)) => {
            "out of bounds memory access (too deep a recursion shows like this, too)".to_owned()
        }
        (None, Some(trap)) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        (None, None) => names::tame(&error.root_cause().to_string(), MAX_LAST_WORDS),
    };
    Fault::Trap(match said(last_words) {
        Some(said) => format!("{said} ({reason})"),
        None => reason,
    })
}

/// The last words of a guest as one line: a panic's place and message, without its advice.
fn said(stderr: &str) -> Option<String> {
    let start = stderr.rfind("panicked at ").unwrap_or_default();
    let text = stderr.get(start..).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note: "));
    let joined = lines.collect::<Vec<_>>().join(" ");
    (!joined.is_empty()).then(|| names::tame(&joined, MAX_LAST_WORDS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_told_in_one_line() {
        let stderr = "hello\n\nthread '<unnamed>' (1) panicked at src/lib.rs:12:5:\nindex out of range\n\
                      note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        assert_eq!(said(stderr).as_deref(), Some("panicked at src/lib.rs:12:5: index out of range"));
        assert_eq!(said("  \n"), None);
        assert_eq!(said("assertion failed\n").as_deref(), Some("assertion failed"));
    }
}
