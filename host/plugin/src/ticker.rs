//! Moves an engine's epoch on while guests run, so that a guest looks at its deadline now and then.
//!
//! One thread an engine. It sleeps for good while no call is under way: an idle host is not woken.
//! It lingers for one interval after a call, so that calls in quick succession (virtual time) do not
//! pay for waking it each time. The epoch only makes a guest look; whether its time is up is
//! decided by the clock in [`crate::call`], so a late or an extra tick of the epoch does no harm.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use wasmtime::Engine;

/// Shortest time between two ticks of the epoch.
const SHORTEST: Duration = Duration::from_millis(1);

/// Longest time between two ticks of the epoch.
const LONGEST: Duration = Duration::from_millis(100);

/// How many times a guest looks at the clock before its deadline.
const LOOKS: u32 = 10;

#[derive(Debug)]
struct Calls {
    running: u32,
    recently: bool,
    parked: bool,
    stop: bool,
    interval: Duration,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<Calls>,
    wake: Condvar,
}

/// The thread, stopped and joined when this is dropped.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(engine: &Engine) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(Calls {
                running: 0,
                recently: false,
                parked: false,
                stop: false,
                interval: LONGEST,
            }),
            wake: Condvar::new(),
        });
        let engine = engine.clone();
        let theirs = Arc::clone(&shared);
        let thread =
            std::thread::Builder::new().name("epoch".to_owned()).spawn(move || run(&engine, &theirs))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Ticks for as long as the answer lives, often enough for a call with this deadline.
    pub(crate) fn during(&self, deadline: Duration) -> Ticking<'_> {
        let mut state = self.shared.state.lock();
        state.running += 1;
        state.recently = true;
        let interval = (deadline / LOOKS).clamp(SHORTEST, LONGEST);
        let sooner = interval < state.interval;
        state.interval = state.interval.min(interval);
        if state.parked || sooner {
            self.shared.wake.notify_one();
        }
        Ticking(&self.shared)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.state.lock().stop = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // It runs no code of ours that panics, and there is no one left to tell.
            drop(thread.join());
        }
    }
}

/// A call under way.
#[derive(Debug)]
pub(crate) struct Ticking<'a>(&'a Shared);

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
    }
}

fn run(engine: &Engine, shared: &Shared) {
    let mut state = shared.state.lock();
    while !state.stop {
        if state.running > 0 || std::mem::take(&mut state.recently) {
            let interval = state.interval;
            shared.wake.wait_for(&mut state, interval);
            engine.increment_epoch();
        } else {
            state.interval = LONGEST;
            state.parked = true;
            shared.wake.wait(&mut state);
            state.parked = false;
        }
    }
}
