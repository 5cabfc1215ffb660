//! One call of a guest, under fuel, deadline and memory cap, and what its failure means.
//!
//! Fuel decides, so that a run gives the same outcome twice: a guest has it once for its own instructions, and
//! as much again for its calls of the host (see `charge.rs`). The machine's clock is asked at every
//! tick of the epoch: a guest that is stopped by it was slow rather than wrong, and may get further
//! in another run. A guest that waits is driven through virtual time right here (see `clock.rs`):
//! no thread is ever held by a guest that sleeps, and no async runtime is needed.
//!
//! After any failure the store is dead: wasmtime refuses to enter it again.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use host_control::Fault;
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use crate::allowance::{Allowance, TimeIsUp};
use crate::clock::Clock;
use crate::memory::Refused;
use crate::names;
use crate::printed::Printed;
use crate::store_data::StoreData;
use crate::ticker::Ticker;
use crate::versions::Called;

/// Bytes that a guest may hand to the host in one call of an import. The host has copied them before a call is
/// charged for, so this bounds what a call costs that burns the last of the fuel.
pub(crate) const HOSTCALL_BYTES: usize = 1 << 20;

/// What wasmtime says where a component has more instances than it may have: it has no type for that.
const TOO_MANY_INSTANCES: &str = "instance count too high";

/// Bytes kept of a reason that wasmtime gives.
const MAX_REASON: usize = 512;

/// A store with everything that bounds its calls.
pub(crate) fn store(engine: &wasmtime::Engine, state: StoreData) -> Store<StoreData> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| &mut state.memory);
    store.set_hostcall_fuel(HOSTCALL_BYTES);
    store.data().work.stops(engine);
    store.epoch_deadline_callback(|context| {
        context.data().work.check()?;
        if Instant::now() >= context.data().stop_at {
            return Err(TimeIsUp.into());
        }
        Ok(UpdateDeadline::Continue(1))
    });
    store
}

/// A call that is about to be made.
pub(crate) struct Call<'a> {
    pub(crate) store: &'a mut Store<StoreData>,
    pub(crate) ticker: &'a Ticker,
    pub(crate) allowance: Allowance,
}

impl Call<'_> {
    /// Runs it to its end. `call` starts it.
    ///
    /// # Errors
    /// Why it did not end well. The store must not be called again.
    pub(crate) fn run<T>(
        self,
        call: impl AsyncFnOnce(&mut Store<StoreData>) -> wasmtime::Result<T>,
    ) -> Called<T> {
        let Self { store, ticker, allowance } = self;
        let clock = std::sync::Arc::clone(&store.data().clock);
        clock.enter(allowance.now, allowance.deadline);
        store.data_mut().stop_at = Instant::now() + allowance.wall;
        store.data().work.refill(allowance.fuel);
        store.data_mut().memory.forget_refused();
        store.set_epoch_deadline(1);
        // Of an engine that counts no instructions there is none to fill.
        let metered = store.get_fuel().is_ok();
        let filled = if metered { store.set_fuel(allowance.fuel) } else { Ok(()) };
        let answer = filled.and_then(|()| {
            let _ticking = ticker.during(allowance.wall);
            let answer = drive(call(store), &clock)?;
            // The last call of a guest may have emptied the tank without ending it.
            store.data().work.check()?;
            Ok(answer)
        });
        let instructions = store.get_fuel().map_or(0, |left| allowance.fuel.saturating_sub(left));
        let calls = allowance.fuel.saturating_sub(store.data().work.left());
        let fuel = instructions.saturating_add(calls);
        let printed = store.data_mut().drain_streams();
        match answer {
            Ok(answer) => Ok((answer, fuel)),
            Err(error) => {
                let state = store.data();
                let fault = fault(&error, state, allowance, &printed);
                tracing::warn!(name = state.name, digest = state.digest, %fault, "failed");
                Err((fault, fuel))
            }
        }
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

fn fault(error: &wasmtime::Error, state: &StoreData, allowance: Allowance, printed: &Printed) -> Fault {
    let trap = error.downcast_ref::<Trap>().copied();
    let key = |limit: &str| format!("{}.{limit}", state.limits_table);
    if error.is::<TimeIsUp>() || trap == Some(Trap::Interrupt) {
        let ms = u64::try_from(allowance.deadline.as_millis()).unwrap_or(u64::MAX);
        return Fault::Deadline { ms, key: key(allowance.deadline_key) };
    }
    if trap == Some(Trap::OutOfFuel) {
        return Fault::OutOfFuel { units: allowance.fuel, key: key("fuel") };
    }
    let limits = state.memory.limits();
    match state.memory.refused() {
        Some(Refused::Memory) => {
            return Fault::OutOfMemory { bytes: limits.memory_bytes, key: key("memory") };
        }
        Some(Refused::TableElements) => {
            return Fault::OutOfTable { elements: limits.table_elements, key: key("table-elements") };
        }
        None => {}
    }
    if error.root_cause().to_string().contains(TOO_MANY_INSTANCES) {
        return Fault::TooManyInstances { instances: limits.instances, key: key("instances") };
    }
    let reason = match (error.downcast_ref::<I32Exit>(), trap) {
        (Some(exit), _) => format!("it called exit({})", exit.0),
        (None, Some(Trap::StackOverflow)) => "call stack exhausted: recursion too deep".to_owned(),
        // A guest's own stack lies at the bottom of its memory and overflows downwards.
        (None, Some(Trap::MemoryOutOfBounds)) => {
            "out of bounds memory access (too deep a recursion shows like this, too)".to_owned()
        }
        (None, Some(trap)) => trap.to_string().trim_start_matches("wasm trap: ").to_owned(),
        (None, None) => names::sanitize(&error.root_cause().to_string(), MAX_REASON),
    };
    let reason = match printed.panic() {
        Some(panic) => format!("{panic} ({reason})"),
        None => reason,
    };
    Fault::Trap { reason, printed: printed.last_lines() }
}
