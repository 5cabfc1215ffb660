//! The `run` interface: what run this is, and what is left of a call.
//!
//! Linked by hand: the fuel that wasmtime has left is the store's, which the generated traits do not show.

use std::time::Instant;

use host_contract::Clock;
use wasmtime::StoreContextMut;
use wasmtime::component::Linker;

use crate::store_data::StoreData;

type Store<'a> = StoreContextMut<'a, StoreData>;

/// The state, after the call was charged for.
fn charged<'a>(store: &'a mut Store<'_>) -> wasmtime::Result<&'a StoreData> {
    let state = store.data_mut();
    state.charge(1)?;
    Ok(state)
}

pub(super) fn link(linker: &mut Linker<StoreData>) -> wasmtime::Result<()> {
    let mut run = linker.instance("optimizer:plugin/run@0.1.0")?;
    run.func_wrap("clock", |mut store: Store<'_>, (): ()| {
        Ok((charged(&mut store)?.snapshot.run.clock.name().to_owned(),))
    })?;
    run.func_wrap("objective", |mut store: Store<'_>, (): ()| {
        Ok((charged(&mut store)?.snapshot.run.objective.name().to_owned(),))
    })?;
    run.func_wrap("capacity-unit", |mut store: Store<'_>, (): ()| {
        Ok((charged(&mut store)?.snapshot.run.unit.name().to_owned(),))
    })?;
    run.func_wrap("seed", |mut store: Store<'_>, (): ()| Ok((charged(&mut store)?.snapshot.run.seed,)))?;
    run.func_wrap("keys-ordered", |mut store: Store<'_>, (): ()| {
        Ok((charged(&mut store)?.snapshot.run.keys_ordered,))
    })?;
    run.func_wrap("batch", |mut store: Store<'_>, (): ()| Ok((charged(&mut store)?.snapshot.run.batch,)))?;
    // The host's work is counted in a tank of its own; the guest is stopped when either is empty.
    run.func_wrap("fuel-left", |mut store: Store<'_>, (): ()| {
        let calls = charged(&mut store)?.work.left();
        Ok((store.get_fuel()?.min(calls),))
    })?;
    run.func_wrap("time-left-ns", |mut store: Store<'_>, (): ()| {
        let state = charged(&mut store)?;
        let left = state.stop_at.saturating_duration_since(Instant::now());
        let live = state.snapshot.run.clock == Clock::Live;
        Ok((live.then(|| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX)),))
    })
}
