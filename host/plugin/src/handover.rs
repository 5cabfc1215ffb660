//! What a component has in memory, handed over to the one that takes its place.
//!
//! The exports are optional, and looked up by name in an instance: a component without them is as any other. Both calls are
//! bounded as a tick is. What is saved has as many bytes as may be learnt: it comes from outside, and is held by the host for
//! a moment.

use wasmtime::Store;
use wasmtime::component::{Instance, TypedFunc};

use crate::call::{self, Call};
use crate::limits::Limits;
use crate::names;
use crate::start;
use crate::start::{Running, Starter};
use crate::store_data::StoreData;

/// The interface with its version.
const INTERFACE: &str = "optimizer:plugin/handover@0.1.0";

/// Bytes kept of a reason that a component gives.
const MAX_REASON: usize = 1 << 10;

/// The exports of an instance.
#[derive(Clone, Copy)]
pub(crate) struct Handover {
    save: TypedFunc<(), (Vec<u8>,)>,
    restore: TypedFunc<(Vec<u8>,), (Result<(), String>,)>,
}

impl Handover {
    /// Those of an instance; none where it does not export the interface.
    ///
    /// # Errors
    /// It exports the interface with other functions.
    pub(crate) fn find(store: &mut Store<StoreData>, instance: &Instance) -> wasmtime::Result<Option<Self>> {
        let Some(interface) = instance.get_export_index(&mut *store, None, INTERFACE) else {
            return Ok(None);
        };
        let mut index = |name: &str| {
            let found = instance.get_export_index(&mut *store, Some(&interface), name);
            found.ok_or_else(|| wasmtime::Error::msg(format!("`{INTERFACE}` is exported without `{name}`")))
        };
        let (save, restore) = (index("save")?, index("restore")?);
        Ok(Some(Self {
            save: instance.get_typed_func(&mut *store, save)?,
            restore: instance.get_typed_func(&mut *store, restore)?,
        }))
    }
}

/// What a component saves: none where it does not hand over, or has nothing to. After a failure its store is dead.
pub(crate) fn save(
    running: &mut Running,
    starter: &Starter,
    now: std::time::Duration,
) -> Option<Result<Vec<u8>, String>> {
    let Handover { save, .. } = running.handover?;
    let store = &mut running.store;
    let Limits { state_bytes, .. } = starter.limits;
    let most = usize::try_from(state_bytes).unwrap_or(usize::MAX);
    let key = format!("{}.state-bytes", store.data().limits_table);
    // What it hands in is copied before it can be counted. It is not called again.
    store.set_hostcall_fuel(most.saturating_add(call::HOSTCALL_BYTES));
    let call = Call { store, ticker: &starter.ticker, allowance: starter.limits.tick(now) };
    let called = call.run(async |store| save.call_async(&mut *store, ()).await);
    match called {
        Ok(((saved,), _)) if saved.is_empty() => None,
        Ok(((saved,), _)) if saved.len() > most => Some(Err(format!(
            "`save` gave {} bytes, and {most} may be kept: raise `{key}` if it needs more",
            saved.len()
        ))),
        Ok(((saved,), _)) => Some(Ok(saved)),
        Err((fault, _)) => Some(Err(format!("`save`: {fault}"))),
    }
}

/// Hands over what another component has saved; none where this one takes nothing. After a failure it has to be started again.
pub(crate) fn restore(
    running: &mut Running,
    starter: &Starter,
    now: std::time::Duration,
    saved: &[u8],
) -> Option<Result<(), String>> {
    let Handover { restore, .. } = running.handover?;
    let allowance = starter.limits.tick(now);
    let saved = saved.to_vec();
    let call = Call { store: &mut running.store, ticker: &starter.ticker, allowance };
    let called = call.run(async |store| restore.call_async(&mut *store, (saved,)).await);
    Some(match called {
        Ok(((Ok(()),), _)) => Ok(()),
        Ok(((Err(reason),), _)) => {
            Err(format!("`restore` answered: {}", names::sanitize(&reason, MAX_REASON)))
        }
        Err((fault, _)) => Err(format!("`restore`: {fault}")),
    })
}

/// A fresh start of a component that did not take what it was handed.
pub(crate) fn afresh(starter: &Starter, restarts: u64) -> Result<Box<Running>, host_control::Fault> {
    starter.start(restarts).map(Box::new).map_err(start::fault)
}
