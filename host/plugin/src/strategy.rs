//! A strategy that is a component, as the control loop knows it.
//!
//! One store, kept from tick to tick. For the time of a tick the snapshot and the proposal context are in the store's state, where
//! the imports find them; they are taken out again whatever happens, because what was proposed before a
//! fault belongs on the ledger. After a fault the store is dead, and every later tick answers that same fault.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_contract::Snapshot;
use host_control::{Fault, Identity, ProposalContext, Response, Strategy, Usage};
use wasmtime::Store;

use crate::bindings::Strategy as Bindings;
use crate::bindings::optimizer::plugin::types::{TickError, TickInfo};
use crate::call;
use crate::description::Description;
use crate::limits::Limits;
use crate::names;
use crate::store_data::StoreData;
use crate::ticker::Ticker;

/// Bytes kept of an error that a strategy answers with.
const MAX_ANSWER: usize = 1 << 10;

/// An instance in its store.
pub(crate) struct Running {
    pub(crate) store: Store<StoreData>,
    pub(crate) bindings: Bindings,
    pub(crate) start: Usage,
}

/// A strategy that runs in the sandbox.
pub struct WasmStrategy {
    identity: Identity,
    description: Description,
    running: Running,
    ticker: Arc<Ticker>,
    limits: Limits,
    fault: Option<Fault>,
}

impl WasmStrategy {
    pub(crate) fn new(
        identity: Identity,
        description: Description,
        running: Running,
        ticker: Arc<Ticker>,
        limits: Limits,
    ) -> Self {
        Self { identity, description, running, ticker, limits, fault: None }
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What its start cost. Wall time is not measured.
    #[must_use]
    pub fn start_usage(&self) -> Usage {
        self.running.start
    }

    fn call(&mut self, snapshot: &Snapshot) -> (u64, Option<Fault>) {
        let Running { store, bindings, .. } = &mut self.running;
        let info = TickInfo {
            tick: snapshot.tick,
            now_ns: nanos(snapshot.now),
            elapsed_ns: nanos(snapshot.elapsed),
        };
        let allowance = self.limits.tick(snapshot.now);
        match call::run(store, &self.ticker, allowance, async |store| bindings.call_tick(store, info).await) {
            Ok((Ok(()), fuel)) => (fuel, None),
            Ok((Err(error), fuel)) => (fuel, Some(Fault::Answer(answer(error)))),
            Err((fault, fuel)) => (fuel, Some(fault)),
        }
    }
}

impl Strategy for WasmStrategy {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn tick(&mut self, snapshot: Arc<Snapshot>, context: ProposalContext) -> Response {
        if let Some(fault) = &self.fault {
            let fault = Some(fault.clone());
            return Response { context, usage: Usage::default(), log: Vec::new(), fault };
        }
        let began = Instant::now();
        let state = self.running.store.data_mut();
        state.snapshot = Arc::clone(&snapshot);
        state.context = context;
        let (fuel, fault) = self.call(&snapshot);
        self.fault.clone_from(&fault);
        let state = self.running.store.data_mut();
        state.snapshot = Arc::default();
        let usage = Usage { fuel, memory_bytes: state.memory.held(), wall: began.elapsed() };
        let (tick, memory_bytes) = (snapshot.tick, usage.memory_bytes);
        tracing::debug!(name = state.name, tick, fuel, memory_bytes, took = ?usage.wall, "ticked");
        let context = std::mem::replace(&mut state.context, ProposalContext::closed());
        Response { context, usage, log: state.take_log(), fault }
    }
}

impl fmt::Debug for WasmStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmStrategy")
            .field("identity", &self.identity)
            .field("limits", &self.limits)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

fn answer(error: TickError) -> String {
    let text = match error {
        TickError::BadSetting((name, expected)) => format!("setting `{name}`: expected {expected}"),
        TickError::Other(text) => text,
    };
    names::sanitize(&text, MAX_ANSWER)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
