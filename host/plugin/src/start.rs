//! Starts a component, as often as it is asked: every time in a fresh store.
//!
//! What takes time is done once: the component is compiled and fitted to what is granted. A start takes microseconds and
//! what the component's own `describe` takes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use host_control::{Fault, Usage};
use wasmtime::Store;

use crate::call::{self, Call};
use crate::description::Description;
use crate::handover::Handover;
use crate::limits::Limits;
use crate::load_error::{Label, LoadError};
use crate::state::{StrategyState, Working};
use crate::store_data::{StoreData, Tables};
use crate::ticker::Ticker;
use crate::versions::{LinkedStrategy, Started, StrategyCalls};

/// An instance in its store.
pub(crate) struct Running {
    pub(crate) store: Store<StoreData>,
    pub(crate) strategy: Box<dyn StrategyCalls>,
    /// None where it does not hand over.
    pub(crate) handover: Option<Handover>,
    pub(crate) start: Usage,
}

/// A component with everything that a start of it takes.
pub(crate) struct Starter {
    pub(crate) linked: Box<dyn LinkedStrategy>,
    pub(crate) ticker: Arc<Ticker>,
    pub(crate) tables: Arc<Tables>,
    pub(crate) label: Label,
    /// What it said of itself when it was opened.
    pub(crate) description: Description,
    pub(crate) settings: BTreeMap<String, String>,
    /// What it has learnt, which outlives its instances.
    pub(crate) state: StrategyState,
    pub(crate) limits: Limits,
    pub(crate) seed: u64,
}

impl Starter {
    /// Starts it, for the first time or again after so many restarts: the random bytes that it is given are others each
    /// time, so that what came of unlucky ones does not come again.
    ///
    /// # Errors
    /// It fails while it starts, or says something else of itself than before.
    pub(crate) fn start(&self, restarts: u64) -> Result<Running, LoadError> {
        let Self { linked, ticker, tables, label, description, limits, .. } = self;
        let mut state = StoreData::new(tables, limits, self.seed.wrapping_add(restarts));
        state.known_as(&description.name, &label.digest);
        let (mut running, described) = describe(linked.as_ref(), ticker, label, state, limits)?;
        if described != *description {
            return Err(LoadError::BadDescription {
                component: label.clone(),
                reason: "it describes itself differently each time it is asked".to_owned(),
            });
        }
        running.store.data_mut().settings.clone_from(&self.settings);
        running.store.data_mut().learnt = Working::over(self.state.clone());
        let Usage { fuel, memory_bytes, .. } = running.start;
        let digest = label.digest.short();
        tracing::info!(name = description.name, digest, restarts, fuel, memory_bytes, "started");
        Ok(running)
    }
}

/// Instantiates a component and asks it for its description.
pub(crate) fn describe(
    linked: &dyn LinkedStrategy,
    ticker: &Ticker,
    label: &Label,
    state: StoreData,
    limits: &Limits,
) -> Result<(Running, Description), LoadError> {
    let mut store = call::store(linked.engine(), state);
    match linked.start(Call { store: &mut store, ticker, allowance: limits.start() }) {
        Ok((Started { strategy, handover, description }, fuel)) => {
            let description = Description::check(description, label)?;
            let start = Usage { fuel, memory_bytes: store.data().memory.held(), wall: Duration::ZERO };
            Ok((Running { store, strategy, handover, start }, description))
        }
        Err((fault, _)) => Err(LoadError::Start { component: label.clone(), fault }),
    }
}

/// The failure of a start, as a fault of the strategy.
pub(crate) fn fault(error: LoadError) -> Fault {
    match error {
        LoadError::Start { fault, .. } => fault,
        error => Fault::NotLoaded(error.to_string()),
    }
}
