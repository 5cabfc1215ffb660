//! Version 0.1 of the contract, as it stands in `wit/`.

mod bindings;
mod imports;

use std::collections::BTreeSet;

use host_contract::{Grant, Snapshot};
use host_policy::batched::{Answer, Batch, Opening};
use host_policy::{ExportedEntry, ImportedEntry, Slot};
use semver::Version;
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};

use super::{Called, Contract, LinkedPolicy, LinkedStrategy, PolicyCalls, Started, StrategyCalls, nanos};
use crate::call::Call;
use crate::description::{Description, Setting, SettingKind};
use crate::handover::Handover;
use crate::store_data::StoreData;
use crate::world::World;
use bindings::eviction::exports::optimizer::plugin::eviction_policy as policy;
use bindings::eviction::{Eviction, EvictionPre};
use bindings::optimizer::plugin::types;
use bindings::{Strategy, StrategyPre};

/// Version 0.1.
#[derive(Debug)]
pub(crate) struct V0_1;

impl Contract for V0_1 {
    fn version(&self) -> Version {
        Version::new(0, 1, 0)
    }

    fn exports(&self, world: World) -> &'static [&'static str] {
        match world {
            World::Strategy => &["describe", "tick"],
            World::Eviction => &["optimizer:plugin/eviction-policy@0.1.0"],
        }
    }

    fn interface(&self, grant: Grant) -> Option<&'static str> {
        Some(grant.name())
    }

    fn link(&self, linker: &mut Linker<StoreData>, grants: &BTreeSet<Grant>) -> wasmtime::Result<()> {
        imports::link(linker, grants)
    }

    fn strategy(&self, linked: InstancePre<StoreData>) -> wasmtime::Result<Box<dyn LinkedStrategy>> {
        Ok(Box::new(StrategyPre::new(linked)?))
    }

    fn policy(&self, linked: InstancePre<StoreData>) -> wasmtime::Result<Box<dyn LinkedPolicy>> {
        Ok(Box::new(EvictionPre::new(linked)?))
    }
}

impl LinkedStrategy for StrategyPre<StoreData> {
    fn engine(&self) -> &Engine {
        StrategyPre::engine(self)
    }

    fn start(&self, call: Call<'_>) -> Called<Started> {
        call.run(async |store| {
            let instance = self.instance_pre().instantiate_async(&mut *store).await?;
            let strategy = Strategy::new(&mut *store, &instance)?;
            let handover = Handover::find(store, &instance)?;
            let description = strategy.call_describe(&mut *store).await?.into();
            Ok(Started { strategy: Box::new(strategy), handover, description })
        })
    }
}

impl StrategyCalls for Strategy {
    fn tick(&self, call: Call<'_>, snapshot: &Snapshot) -> Called<Result<(), String>> {
        let (now_ns, elapsed_ns) = (nanos(snapshot.now), nanos(snapshot.elapsed));
        let info = types::TickInfo { tick: snapshot.tick, now_ns, elapsed_ns };
        let (answer, fuel) = call.run(async |store| self.call_tick(store, info).await)?;
        Ok((answer.map_err(in_words), fuel))
    }
}

impl LinkedPolicy for EvictionPre<StoreData> {
    fn engine(&self) -> &Engine {
        EvictionPre::engine(self)
    }

    fn start(&self, call: Call<'_>) -> Called<Box<dyn PolicyCalls>> {
        call.run(async |store| {
            let policy: Box<dyn PolicyCalls> = Box::new(self.instantiate_async(&mut *store).await?);
            Ok(policy)
        })
    }
}

impl PolicyCalls for Eviction {
    fn describe(&self, call: Call<'_>) -> Called<(Description, bool)> {
        let of = self.optimizer_plugin_eviction_policy();
        let (said, fuel) = call.run(async |store| of.call_describe(store).await)?;
        let policy::PolicyDescription { name, version, summary, settings, wants_ids } = said;
        let description = types::Description { name, version, summary, dials: Vec::new(), settings };
        Ok(((description.into(), wants_ids), fuel))
    }

    fn open(&self, call: Call<'_>, opening: Opening) -> Called<Result<(), String>> {
        let Opening { capacity, weighed, seed } = opening;
        let opening = policy::Opening { capacity, weighed, seed };
        let of = self.optimizer_plugin_eviction_policy();
        call.run(async |store| of.call_open(store, opening).await)
    }

    fn turn(&self, call: Call<'_>, batch: Batch<'_>) -> Called<Answer> {
        let Batch { events, weights, ids } = batch;
        let of = self.optimizer_plugin_eviction_policy();
        let (told, fuel) = call.run(async |store| of.call_turn(store, events, weights, ids).await)?;
        Ok((told.into(), fuel))
    }

    fn resize(&self, call: Call<'_>, capacity: u64) -> Called<Answer> {
        let of = self.optimizer_plugin_eviction_policy();
        let (told, fuel) = call.run(async |store| of.call_resize(store, capacity).await)?;
        Ok((told.into(), fuel))
    }

    fn hand_over(&self, call: Call<'_>) -> Called<Vec<ExportedEntry>> {
        let of = self.optimizer_plugin_eviction_policy();
        let (told, fuel) = call.run(async |store| of.call_hand_over(store).await)?;
        let entries = told.slots.into_iter().zip(told.uses);
        let entries = entries.map(|(slot, frequency)| ExportedEntry { slot: Slot(slot), frequency });
        Ok((entries.collect(), fuel))
    }

    fn take_over(&self, call: Call<'_>, entries: &[ImportedEntry], ids: bool) -> Called<()> {
        let slots: Vec<u32> = entries.iter().map(|entry| entry.slot.0).collect();
        let uses: Vec<u32> = entries.iter().map(|entry| entry.frequency).collect();
        let weight = |entry: &ImportedEntry| u32::try_from(entry.weight).unwrap_or(u32::MAX);
        let weights: Vec<u32> = entries.iter().map(weight).collect();
        let ids: Vec<u64> = if ids { entries.iter().map(|entry| entry.id).collect() } else { Vec::new() };
        let of = self.optimizer_plugin_eviction_policy();
        call.run(async |store| of.call_take_over(store, &slots, &uses, &weights, &ids).await)
    }
}

impl From<policy::Answer> for Answer {
    fn from(told: policy::Answer) -> Self {
        let policy::Answer { victims, at, forgotten } = told;
        Self { victims, at, forgotten }
    }
}

impl From<types::Description> for Description {
    fn from(said: types::Description) -> Self {
        let types::Description { name, version, summary, dials, settings } = said;
        Self { name, version, summary, dials, settings: settings.into_iter().map(Into::into).collect() }
    }
}

impl From<types::Setting> for Setting {
    fn from(said: types::Setting) -> Self {
        let types::Setting { name, summary, kind, default, minimum, maximum, choices } = said;
        let kind = match kind {
            types::SettingKind::Text => SettingKind::Text,
            types::SettingKind::Integer => SettingKind::Integer,
            types::SettingKind::Number => SettingKind::Number,
            types::SettingKind::Boolean => SettingKind::Boolean,
        };
        Self { name, summary, kind, default, minimum, maximum, choices }
    }
}

fn in_words(error: types::TickError) -> String {
    match error {
        types::TickError::BadSetting((name, expected)) => format!("setting `{name}`: expected {expected}"),
        types::TickError::Other(text) => text,
    }
}
