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
use host_policy::{ExportedEntry, ImportedEntry, PolicyFactory, Slot};
use wasmtime::Store;
use wasmtime::component::Component;

use crate::allowance::Allowance;
use crate::bindings::eviction::exports::optimizer::plugin::eviction_policy as contract;
use crate::bindings::eviction::{Eviction as Bindings, EvictionPre};
use crate::bindings::optimizer::plugin::types;
use crate::call;
use crate::description::Description;
use crate::inspection::Inspection;
use crate::interfaces::Interfaces;
use crate::limits::Limits;
use crate::load_error::{Label, LoadError};
use crate::names;
use crate::plugin::{linker, mismatch};
use crate::store_data::{StoreData, Tables};
use crate::ticker::Ticker;
use crate::world::World;

/// The table of a profile that gives the limits of policies.
const POLICY_LIMITS: &str = "policy-limits";

/// Bytes kept of an error that a policy answers with.
const MAX_ANSWER: usize = 1 << 10;

/// A policy that is compiled and has described itself.
pub struct PolicyPlugin {
    pre: EvictionPre<StoreData>,
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
        let linker = linker(component, &granted, World::Eviction, &label)?;
        let pre = linker.instantiate_pre(component).and_then(EvictionPre::new);
        let pre = pre.map_err(|error| mismatch(&error, World::Eviction, &label))?;
        let mut instance = Instance::start(&pre, &ticker, &tables, &label, limits, 0)?;
        let raw = instance
            .call(limits.start(), async |bindings, store| {
                bindings.optimizer_plugin_eviction_policy().call_describe(store).await
            })
            .map_err(|fault| LoadError::Start { component: label.clone(), fault })?;
        let contract::PolicyDescription { name, version, summary, settings, wants_ids } = raw;
        let raw = types::Description { name, version, summary, dials: Vec::new(), settings };
        let description = Description::check(raw, &label)?;
        let limits = *limits;
        let compile_time = None;
        Ok(Self {
            pre,
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
        let Opening { capacity, weighed, seed } = opening;
        let mut instance =
            Instance::start(&self.pre, &self.ticker, &self.tables, &self.label, &self.limits, seed)?;
        let opened = instance.call(self.limits.start(), async |bindings, store| {
            let opening = contract::Opening { capacity, weighed, seed };
            bindings.optimizer_plugin_eviction_policy().call_open(store, opening).await
        });
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
    bindings: Bindings,
    ticker: Arc<Ticker>,
    label: Label,
    limits: Limits,
}

impl Instance {
    fn start(
        pre: &EvictionPre<StoreData>,
        ticker: &Arc<Ticker>,
        tables: &Arc<Tables>,
        label: &Label,
        limits: &Limits,
        seed: u64,
    ) -> Result<Self, LoadError> {
        let mut data = StoreData::new(tables, limits, seed);
        POLICY_LIMITS.clone_into(&mut data.limits_table);
        let mut store = call::store(pre.engine(), data);
        let started = call::run(&mut store, ticker, limits.start(), async |store| {
            pre.instantiate_async(&mut *store).await
        });
        match started {
            Ok((bindings, _)) => {
                let (ticker, label, limits) = (Arc::clone(ticker), label.clone(), *limits);
                Ok(Self { store, bindings, ticker, label, limits })
            }
            Err((fault, _)) => Err(LoadError::Start { component: label.clone(), fault }),
        }
    }

    fn call<T>(
        &mut self,
        allowance: Allowance,
        call: impl AsyncFnOnce(&Bindings, &mut Store<StoreData>) -> wasmtime::Result<T>,
    ) -> Result<T, Fault> {
        let Self { store, bindings, ticker, label, .. } = self;
        let done = call::run(store, ticker, allowance, async |store| call(bindings, store).await);
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
    fn batch<T>(
        &mut self,
        call: impl AsyncFnOnce(&Bindings, &mut Store<StoreData>) -> wasmtime::Result<T>,
    ) -> Result<T, String> {
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

fn take(told: contract::Answer, answer: &mut Answer) {
    let contract::Answer { victims, at, forgotten } = told;
    *answer = Answer { victims, at, forgotten };
}

impl BatchedPolicy for WasmPolicy {
    fn wants_ids(&self) -> bool {
        self.wants_ids
    }

    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String> {
        let Batch { events, weights, ids } = batch;
        let told = self.instance.batch(async |bindings, store| {
            bindings.optimizer_plugin_eviction_policy().call_turn(store, events, weights, ids).await
        })?;
        take(told, answer);
        Ok(())
    }

    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String> {
        let told = self.instance.batch(async |bindings, store| {
            bindings.optimizer_plugin_eviction_policy().call_resize(store, capacity).await
        })?;
        take(told, answer);
        Ok(())
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        let contract::Residents { slots, uses } = self.instance.batch(async |bindings, store| {
            bindings.optimizer_plugin_eviction_policy().call_hand_over(store).await
        })?;
        let entries = slots.into_iter().zip(uses);
        Ok(entries.map(|(slot, frequency)| ExportedEntry { slot: Slot(slot), frequency }).collect())
    }

    fn take_over(&mut self, entries: &[ImportedEntry]) -> Result<(), String> {
        let slots: Vec<u32> = entries.iter().map(|entry| entry.slot.0).collect();
        let uses: Vec<u32> = entries.iter().map(|entry| entry.frequency).collect();
        let weight = |entry: &ImportedEntry| u32::try_from(entry.weight).unwrap_or(u32::MAX);
        let weights: Vec<u32> = entries.iter().map(weight).collect();
        let ids: Vec<u64> =
            if self.wants_ids { entries.iter().map(|entry| entry.id).collect() } else { Vec::new() };
        self.instance.batch(async |bindings, store| {
            let policy = bindings.optimizer_plugin_eviction_policy();
            policy.call_take_over(store, &slots, &uses, &weights, &ids).await
        })
    }
}
