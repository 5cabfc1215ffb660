//! A strategy that is a component, as the control loop knows it.
//!
//! One store, kept from tick to tick. For the time of a tick the snapshot and the proposal context are in the store's state, where
//! the imports find them; they are taken out again whatever happens, because what was proposed before a
//! fault belongs on the ledger. A fault ends the store, which is dropped there and then: its memory is free while the
//! strategy rests. Until it is started again, every later tick answers that same fault.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_contract::Snapshot;
use host_control::{Fault, Identity, ProposalContext, Response, Strategy, Usage};

use crate::call::Call;
use crate::description::Description;
use crate::handover;
use crate::load_error::LoadError;
use crate::names;
use crate::start::{self, Running, Starter};
use crate::state::{StrategyState, Working};

/// Bytes kept of an error that a strategy answers with.
const MAX_ANSWER: usize = 1 << 10;

/// A strategy that runs in the sandbox.
pub struct WasmStrategy {
    identity: Identity,
    starter: Starter,
    restarts: u64,
    /// What its last start cost.
    start: Usage,
    state: Result<Box<Running>, Fault>,
    /// The time of its last tick.
    now: Duration,
}

impl WasmStrategy {
    pub(crate) fn start(starter: Starter) -> Result<Self, LoadError> {
        let description = &starter.description;
        let identity = Identity {
            name: description.name.clone(),
            version: description.version.clone(),
            digest: starter.label.digest.to_string(),
            dials: description.dials.clone(),
        };
        let running = starter.start(0)?;
        Ok(Self {
            identity,
            starter,
            restarts: 0,
            start: running.start,
            state: Ok(Box::new(running)),
            now: Duration::ZERO,
        })
    }

    /// Goes on from what was learnt before, and adds to it. To be called before the first tick.
    #[must_use]
    pub fn keeping(mut self, state: StrategyState) -> Self {
        if let Ok(running) = &mut self.state {
            running.store.data_mut().learnt = Working::over(state.clone());
        }
        self.starter.state = state;
        self
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.starter.description
    }

    /// What its last start cost. Wall time is not measured.
    #[must_use]
    pub fn start_usage(&self) -> Usage {
        self.start
    }
}

/// Calls `tick`. Returns the fuel that it burnt, and why it failed where it did.
fn call_tick(running: &mut Running, starter: &Starter, snapshot: &Snapshot) -> (u64, Option<Fault>) {
    let Running { store, strategy, .. } = running;
    let call = Call { store, ticker: &starter.ticker, allowance: starter.limits.tick(snapshot.now) };
    match strategy.tick(call, snapshot) {
        Ok((Ok(()), fuel)) => (fuel, None),
        Ok((Err(error), fuel)) => (fuel, Some(Fault::Answer(names::sanitize(&error, MAX_ANSWER)))),
        Err((fault, fuel)) => (fuel, Some(fault)),
    }
}

impl Strategy for WasmStrategy {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tick(&mut self, snapshot: Arc<Snapshot>, context: ProposalContext) -> Response {
        let running = match &mut self.state {
            Ok(running) => running,
            Err(fault) => {
                let fault = Some(fault.clone());
                return Response { context, usage: Usage::default(), log: Vec::new(), fault };
            }
        };
        let began = Instant::now();
        self.now = snapshot.now;
        let state = running.store.data_mut();
        state.snapshot = Arc::clone(&snapshot);
        state.context = context;
        let (fuel, fault) = call_tick(running, &self.starter, &snapshot);
        let state = running.store.data_mut();
        state.snapshot = Arc::default();
        let usage = Usage { fuel, memory_bytes: state.memory.held(), wall: began.elapsed() };
        let (tick, memory_bytes) = (snapshot.tick, usage.memory_bytes);
        tracing::debug!(name = state.name, tick, fuel, memory_bytes, took = ?usage.wall, "ticked");
        let context = std::mem::replace(&mut state.context, ProposalContext::closed());
        let log = state.take_log();
        match &fault {
            Some(fault) => self.state = Err(fault.clone()),
            None => state.learnt.commit(),
        }
        Response { context, usage, log, fault }
    }

    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        handover::save(self.state.as_mut().ok()?, &self.starter, self.now)
    }

    fn restore(&mut self, saved: &[u8]) -> Option<Result<(), String>> {
        let restored = handover::restore(self.state.as_mut().ok()?, &self.starter, self.now, saved)?;
        // Half of it may have been taken over, and after a trap the store is dead.
        if restored.is_err() {
            self.state = handover::afresh(&self.starter, self.restarts);
        }
        Some(restored)
    }

    fn restart(&mut self) -> Result<Usage, Fault> {
        self.restarts = self.restarts.saturating_add(1);
        let running = self.starter.start(self.restarts).map_err(start::fault)?;
        self.start = running.start;
        self.state = Ok(Box::new(running));
        Ok(self.start)
    }
}

impl fmt::Debug for WasmStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmStrategy")
            .field("identity", &self.identity)
            .field("limits", &self.starter.limits)
            .field("restarts", &self.restarts)
            .field("fault", &self.state.as_ref().err())
            .finish_non_exhaustive()
    }
}
