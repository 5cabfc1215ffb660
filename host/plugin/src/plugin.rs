//! A component that is compiled and has described itself.
//!
//! It is run once to be asked, with every interface linked and nothing behind them. Each start is a store of its own,
//! linked with exactly what the profile grants; it takes microseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use host_contract::Grant;
use wasmtime::component::{Component, Linker};

use crate::description::Description;
use crate::digest::Digest;
use crate::inspection::Inspection;
use crate::interfaces::Interfaces;
use crate::limits::Limits;
use crate::load_error::{Label, LoadError};
use crate::start::{self, Starter};
use crate::state::StrategyState;
use crate::store_data::{StoreData, Tables};
use crate::strategy::WasmStrategy;
use crate::ticker::Ticker;
use crate::versions::LinkedStrategy;
use crate::wasi;
use crate::world::World;

/// A component that is compiled and has described itself.
pub struct Plugin {
    component: Component,
    ticker: Arc<Ticker>,
    tables: Arc<Tables>,
    interfaces: Interfaces,
    size: u64,
    label: Label,
    description: Description,
    compile_time: Option<Duration>,
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin")
            .field("label", &self.label)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl Plugin {
    pub(crate) fn new(
        component: Component,
        ticker: Arc<Ticker>,
        tables: Arc<Tables>,
        interfaces: Interfaces,
        size: u64,
        label: Label,
        limits: &Limits,
    ) -> Result<Self, LoadError> {
        let linker = linker(&component, &Grant::ALL.into(), &interfaces, World::Strategy, &label)?;
        let linked = prepare(&linker, &component, &interfaces, &label)?;
        let state = StoreData::new(&tables, limits, 0);
        let (_, description) = start::describe(linked.as_ref(), &ticker, &label, state, limits)?;
        Ok(Self { component, ticker, tables, interfaces, size, label, description, compile_time: None })
    }

    pub(crate) fn compiled_in(self, compile_time: Option<Duration>) -> Self {
        Self { compile_time, ..self }
    }

    /// The name that it gives itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// What it says of itself.
    #[must_use]
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// The digest of its bytes.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.label.digest
    }

    /// How long it took to compile; none where it was compiled before.
    #[must_use]
    pub fn compile_time(&self) -> Option<Duration> {
        self.compile_time
    }

    /// What there is to know of it.
    #[must_use]
    pub fn inspection(&self) -> Inspection {
        let (description, interfaces) = (self.description.clone(), self.interfaces.clone());
        Inspection::new(description, interfaces, World::Strategy, self.size, &self.label, &self.tables.dials)
    }

    /// Starts a strategy in a store of its own with exactly these grants, and gives it its settings. The seed decides
    /// every random byte it is given. What it learns lasts as long as the strategy, unless it is given a state that lasts longer
    /// ([`WasmStrategy::keeping`]).
    ///
    /// # Errors
    /// It imports what is not granted, the settings are not those it declares, or it fails while it starts.
    pub fn start(
        &self,
        grants: &BTreeSet<Grant>,
        settings: &BTreeMap<String, String>,
        limits: &Limits,
        seed: u64,
    ) -> Result<WasmStrategy, LoadError> {
        self.interfaces.check_grants(self.name(), &self.label, grants)?;
        let settings = self.description.check_settings(settings, &self.label)?;
        let linker = linker(&self.component, grants, &self.interfaces, World::Strategy, &self.label)?;
        self.start_linked(&linker, settings, limits, seed)
    }

    fn start_linked(
        &self,
        linker: &Linker<StoreData>,
        settings: BTreeMap<String, String>,
        limits: &Limits,
        seed: u64,
    ) -> Result<WasmStrategy, LoadError> {
        let starter = Starter {
            linked: prepare(linker, &self.component, &self.interfaces, &self.label)?,
            ticker: Arc::clone(&self.ticker),
            tables: Arc::clone(&self.tables),
            label: self.label.clone(),
            description: self.description.clone(),
            settings,
            state: StrategyState::default(),
            limits: *limits,
            seed,
        };
        WasmStrategy::start(starter)
    }
}

/// Links WASI, the types of the contract, and exactly the granted interfaces, in the version that the component is built for.
pub(crate) fn linker(
    component: &Component,
    grants: &BTreeSet<Grant>,
    interfaces: &Interfaces,
    world: World,
    label: &Label,
) -> Result<Linker<StoreData>, LoadError> {
    let mut linker = Linker::new(component.engine());
    wasi::link(&mut linker)
        .and_then(|()| interfaces.contract.link(&mut linker, grants))
        .map_err(|error| interfaces.mismatch(&error, world, label))?;
    Ok(linker)
}

/// Fits a component to what is linked.
fn prepare(
    linker: &Linker<StoreData>,
    component: &Component,
    interfaces: &Interfaces,
    label: &Label,
) -> Result<Box<dyn LinkedStrategy>, LoadError> {
    linker
        .instantiate_pre(component)
        .and_then(|linked| interfaces.contract.strategy(linked))
        .map_err(|error| interfaces.mismatch(&error, World::Strategy, label))
}

#[cfg(test)]
pub(crate) mod growth;
