//! An eviction policy that is a component.
//!
//! [`PolicyPlugin`] is compiled and has described itself; each cache, shadow or replay that it orders has an instance of its own,
//! in a store of its own. It is told of batches ([`BatchedPolicy`]) and answers victims; whether an answer can be true is
//! checked by whoever tells it, against its own record of the residents. It imports its settings and the log, and WASI with
//! nothing behind it, as a strategy does.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use host_contract::Grant;
use host_control::{Fault, LogLine};
use host_policy::batched::{Answer, Batch, BatchedPolicy, Opening};
use host_policy::{ExportedEntry, ImportedEntry, PolicyFactory};
use wasmtime::Store;
use wasmtime::component::Component;

use crate::allowance::Allowance;
use crate::call::{self, Call};
use crate::description::Description;
use crate::inspection::Inspection;
use crate::interfaces::Interfaces;
use crate::limits::Limits;
use crate::load_error::{Label, LoadError};
use crate::names;
use crate::plugin::linker;
use crate::store_data::{StoreData, Tables};
use crate::ticker::Ticker;
use crate::versions::{Called, LinkedPolicy, PolicyCalls};
use crate::world::World;

/// The table of a profile that gives the limits of policies.
const POLICY_LIMITS: &str = "policy-limits";

/// Bytes kept of an error that a policy answers with.
const MAX_ANSWER: usize = 1 << 10;

/// A policy that is compiled and has described itself.
pub struct PolicyPlugin {
    linked: Box<dyn LinkedPolicy>,
    ticker: Arc<Ticker>,
    tables: Arc<Tables>,
    label: Label,
    limits: Limits,
    description: Description,
    wants_ids: bool,
    interfaces: Interfaces,
    size: u64,
    compile_time: Option<Duration>,
}

impl std::fmt::Debug for PolicyPlugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyPlugin")
            .field("label", &self.label)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl PolicyPlugin {
    pub(crate) fn new(
        component: &Component,
        ticker: Arc<Ticker>,
        tables: Arc<Tables>,
        (interfaces, size): (Interfaces, u64),
        label: Label,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        let granted = BTreeSet::from([Grant::Settings, Grant::Log]);
        let linked = linker(component, &granted, &interfaces, World::Eviction, &label)?
            .instantiate_pre(component)
            .and_then(|linked| interfaces.contract.policy(linked))
            .map_err(|error| interfaces.mismatch(&error, World::Eviction, &label))?;
        let mut instance = Instance::start(linked.as_ref(), &ticker, &tables, &label, limits, 0)?;
        let (raw, wants_ids) = instance
            .call(limits.start(), |policy, call| policy.describe(call))
            .map_err(|fault| LoadError::Start { component: label.clone(), fault })?;
        let description = Description::check(raw, &label)?;
        let limits = *limits;
        let compile_time = None;
        Ok(Self {
            linked,
            ticker,
            tables,
            label,
            limits,
            description,
            wants_ids,
            interfaces,
            size,
            compile_time,
        })
    }

    pub(crate) fn compiled_in(self, compile_time: Option<Duration>) -> Self {
        Self { compile_time, ..self }
    }

    /// How long it took to compile; none where it was compiled before.
    #[must_use]
    pub fn compile_time(&self) -> Option<Duration> {
        self.compile_time
    }

    /// What a batch of it may use.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The name that it gives itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// What it says of itself. It names no dials.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// What there is to know of it.
    #[must_use]
    pub fn inspection(&self) -> Inspection {
        let (description, interfaces) = (self.description.clone(), self.interfaces.clone());
        Inspection::new(description, interfaces, World::Eviction, self.size, &self.label, &self.tables.dials)
    }

    /// An instance for a cache.
    ///
    /// # Errors
    /// It fails while it starts, or refuses to open.
    pub fn open(&self, opening: Opening) -> Result<Box<dyn BatchedPolicy>, LoadError> {
        Ok(Box::new(self.start(opening)?))
    }

    /// The same for who wants to know what the instance uses.
    ///
    /// # Errors
    /// It fails while it starts, or refuses to open.
    pub fn start(&self, opening: Opening) -> Result<WasmPolicy, LoadError> {
        let Self { linked, ticker, tables, label, limits, .. } = self;
        let mut instance = Instance::start(linked.as_ref(), ticker, tables, label, limits, opening.seed)?;
        let opened = instance.call(limits.start(), |policy, call| policy.open(call, opening));
        let fault = match opened {
            Ok(Ok(())) => return Ok(WasmPolicy { instance, wants_ids: self.wants_ids }),
            Ok(Err(text)) => Fault::Answer(names::sanitize(&text, MAX_ANSWER)),
            Err(fault) => fault,
        };
        Err(LoadError::Start { component: self.label.clone(), fault })
    }

    /// The policy for a registry, a simulation or a cache, under this name.
    #[must_use]
    pub fn factory(self: Arc<Self>, name: impl Into<String>) -> PolicyFactory {
        PolicyFactory::batched(name, move |opening| self.open(opening).map_err(|error| error.to_string()))
    }
}

/// An instance in its store.
struct Instance {
    store: Store<StoreData>,
    policy: Box<dyn PolicyCalls>,
    ticker: Arc<Ticker>,
    label: Label,
    limits: Limits,
}

impl Instance {
    fn start(
        linked: &dyn LinkedPolicy,
        ticker: &Arc<Ticker>,
        tables: &Arc<Tables>,
        label: &Label,
        limits: &Limits,
        seed: u64,
    ) -> Result<Self, LoadError> {
        let mut data = StoreData::new(tables, limits, seed);
        POLICY_LIMITS.clone_into(&mut data.limits_table);
        let mut store = call::store(linked.engine(), data);
        match linked.start(Call { store: &mut store, ticker, allowance: limits.start() }) {
            Ok((policy, _)) => {
                let (ticker, label, limits) = (Arc::clone(ticker), label.clone(), *limits);
                Ok(Self { store, policy, ticker, label, limits })
            }
            Err((fault, _)) => Err(LoadError::Start { component: label.clone(), fault }),
        }
    }

    fn call<T>(
        &mut self,
        allowance: Allowance,
        call: impl FnOnce(&dyn PolicyCalls, Call<'_>) -> Called<T>,
    ) -> Result<T, Fault> {
        let Self { store, policy, ticker, label, .. } = self;
        let done = call(policy.as_ref(), Call { store: &mut *store, ticker, allowance });
        for LogLine { level, context, message } in store.data_mut().take_log() {
            let component = &label.place;
            match level {
                "error" => tracing::error!(%component, context, "{message}"),
                "warn" => tracing::warn!(%component, context, "{message}"),
                "info" => tracing::info!(%component, context, "{message}"),
                _ => tracing::debug!(%component, context, "{message}"),
            }
        }
        done.map(|(answer, _)| answer).map_err(|(fault, _)| fault)
    }

    /// A call of a policy that is open.
    fn batch<T>(&mut self, call: impl FnOnce(&dyn PolicyCalls, Call<'_>) -> Called<T>) -> Result<T, String> {
        let allowance = self.limits.tick(Duration::ZERO);
        self.call(allowance, call).map_err(|fault| format!("{}: {fault}", self.label))
    }
}

/// A policy that runs in the sandbox.
pub struct WasmPolicy {
    instance: Instance,
    wants_ids: bool,
}

impl WasmPolicy {
    /// Linear memory that it holds, bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.instance.store.data().memory.held()
    }
}

impl std::fmt::Debug for WasmPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WasmPolicy").field("label", &self.instance.label).finish_non_exhaustive()
    }
}

impl BatchedPolicy for WasmPolicy {
    fn wants_ids(&self) -> bool {
        self.wants_ids
    }

    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String> {
        *answer = self.instance.batch(|policy, call| policy.turn(call, batch))?;
        Ok(())
    }

    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String> {
        *answer = self.instance.batch(|policy, call| policy.resize(call, capacity))?;
        Ok(())
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        self.instance.batch(|policy, call| policy.hand_over(call))
    }

    fn take_over(&mut self, entries: &[ImportedEntry]) -> Result<(), String> {
        let ids = self.wants_ids;
        self.instance.batch(|policy, call| policy.take_over(call, entries, ids))
    }
}
