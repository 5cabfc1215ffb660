//! Version 0.2 of the contract, which does not exist: see `tests/fictitious`. What there is to convert is the point of it.

use std::collections::BTreeSet;

use host_contract::{Acceptance, Grant, Snapshot, Value};
use host_policy::batched::{Answer, Batch, Kind, Opening};
use host_policy::{ExportedEntry, ImportedEntry, Slot};
use semver::Version;
use wasmtime::Engine;
use wasmtime::component::{HasSelf, InstancePre, Linker};

use super::{Called, Contract, LinkedPolicy, LinkedStrategy, PolicyCalls, Started, StrategyCalls};
use crate::call::Call;
use crate::description::{Description, Setting, SettingKind};
use crate::names;
use crate::store_data::StoreData;
use crate::world::World;
use bindings::eviction::exports::optimizer::plugin::policy;
use bindings::eviction::{Eviction, EvictionPre};
use bindings::optimizer::plugin::{cache_proposals, gauges, settings, types};
use bindings::{Strategy, StrategyPre};

mod bindings {
    wasmtime::component::bindgen!({
        path: "tests/fictitious/0.2.0/wit",
        world: "optimizer:plugin/strategy",
        imports: { default: trappable },
        exports: { default: async },
    });

    pub(super) mod eviction {
        wasmtime::component::bindgen!({
            path: "tests/fictitious/0.2.0/wit",
            world: "optimizer:plugin/eviction",
            imports: { default: trappable },
            exports: { default: async },
            with: {
                "optimizer:plugin/types": super::optimizer::plugin::types,
                "optimizer:plugin/settings": super::optimizer::plugin::settings,
            },
        });
    }
}

/// Version 0.2.
#[derive(Debug)]
pub(crate) struct V0_2;

impl Contract for V0_2 {
    fn version(&self) -> Version {
        Version::new(0, 2, 0)
    }

    fn exports(&self, world: World) -> &'static [&'static str] {
        match world {
            World::Strategy => &["about", "tick"],
            World::Eviction => &["optimizer:plugin/policy@0.2.0"],
        }
    }

    fn interface(&self, grant: Grant) -> Option<&'static str> {
        match grant {
            Grant::Metrics => Some("gauges"),
            Grant::CacheControl => Some("cache-proposals"),
            Grant::Settings => Some("settings"),
            _ => None,
        }
    }

    fn link(&self, linker: &mut Linker<StoreData>, grants: &BTreeSet<Grant>) -> wasmtime::Result<()> {
        type Own = HasSelf<StoreData>;
        types::add_to_linker::<StoreData, Own>(linker, |s| s)?;
        for grant in grants {
            match grant {
                Grant::Metrics => gauges::add_to_linker::<StoreData, Own>(linker, |s| s)?,
                Grant::CacheControl => cache_proposals::add_to_linker::<StoreData, Own>(linker, |s| s)?,
                Grant::Settings => settings::add_to_linker::<StoreData, Own>(linker, |s| s)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn strategy(&self, linked: InstancePre<StoreData>) -> wasmtime::Result<Box<dyn LinkedStrategy>> {
        Ok(Box::new(StrategyPre::new(linked)?))
    }

    fn policy(&self, linked: InstancePre<StoreData>) -> wasmtime::Result<Box<dyn LinkedPolicy>> {
        Ok(Box::new(EvictionPre::new(linked)?))
    }
}

impl types::Host for StoreData {}

impl gauges::Host for StoreData {
    fn read(&mut self, name: String) -> wasmtime::Result<Option<f64>> {
        self.charge(1)?;
        self.charge_bytes(name.len())?;
        Ok(self.snapshot.gauge(&name))
    }
}

impl cache_proposals::Host for StoreData {
    fn propose(
        &mut self,
        dial: String,
        value: types::Value,
        reason: String,
    ) -> wasmtime::Result<types::Answer> {
        self.charge(1)?;
        self.charge_bytes(dial.len() + reason.len())?;
        let value = match value {
            types::Value::Count(count) => Value::Count(count),
            types::Value::Ratio(ratio) => Value::Ratio(ratio),
            types::Value::Name(name) => Value::Name(names::sanitize(&name, 64)),
        };
        self.context.explain(&dial, &names::sanitize(&reason, 1021));
        Ok(match self.context.propose(&dial, value) {
            Ok(Acceptance::Accepted) => types::Answer::Accepted,
            Ok(Acceptance::Clamped(value)) => types::Answer::Clamped(value),
            Err(refusal) => types::Answer::Refused(refusal.to_string()),
        })
    }
}

impl settings::Host for StoreData {
    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        self.charge(1)?;
        self.charge_bytes(name.len())?;
        Ok(self.settings.get(&name).cloned())
    }
}

impl LinkedStrategy for StrategyPre<StoreData> {
    fn engine(&self) -> &Engine {
        StrategyPre::engine(self)
    }

    fn start(&self, call: Call<'_>) -> Called<Started> {
        call.run(async |store| {
            let strategy: Strategy = self.instantiate_async(&mut *store).await?;
            let about = strategy.call_about(&mut *store).await?;
            Ok(Started { strategy: Box::new(strategy), handover: None, description: about.into() })
        })
    }
}

impl StrategyCalls for Strategy {
    fn tick(&self, call: Call<'_>, snapshot: &Snapshot) -> Called<Result<(), String>> {
        let at = types::Moment { tick: snapshot.tick, seconds: snapshot.now.as_secs_f64() };
        let (failed, fuel) = call.run(async |store| {
            let outcome = self.call_tick(&mut *store, at).await?;
            for note in outcome.notes {
                store.data_mut().log.push("info", "note", &note);
            }
            Ok(outcome.failed)
        })?;
        Ok((failed.map_or(Ok(()), Err), fuel))
    }
}

impl From<types::Identity> for Description {
    fn from(about: types::Identity) -> Self {
        let types::Identity { name, version, authors, summary, controls, settings } = about;
        let setting = |setting: types::Setting| {
            let kind = match setting.kind {
                types::Kind::Text => SettingKind::Text,
                types::Kind::Number => SettingKind::Number,
            };
            let (name, summary) = (setting.name, setting.summary);
            let default = setting.default.unwrap_or_default();
            Setting { name, summary, kind, default, minimum: None, maximum: None, choices: Vec::new() }
        };
        let summary = format!("{summary}, by {}", authors.join(" and "));
        let settings = settings.into_iter().map(setting).collect();
        Self { name, version, summary, dials: controls, settings }
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
        let of = self.optimizer_plugin_policy();
        let (about, fuel) = call.run(async |store| of.call_about(store).await)?;
        // Each event has the hash of its key.
        Ok(((about.into(), true), fuel))
    }

    fn open(&self, call: Call<'_>, opening: Opening) -> Called<Result<(), String>> {
        let Opening { capacity, seed, .. } = opening;
        let of = self.optimizer_plugin_policy();
        let (refused, fuel) = call.run(async |store| of.call_open(store, capacity, seed).await)?;
        Ok((refused.map_or(Ok(()), Err), fuel))
    }

    fn turn(&self, call: Call<'_>, batch: Batch<'_>) -> Called<Answer> {
        let Batch { events, weights, ids } = batch;
        let weights = weights.iter().copied().chain(std::iter::repeat(1));
        let events: Vec<policy::Event> = events.iter().zip(weights).zip(ids).filter_map(event).collect();
        let of = self.optimizer_plugin_policy();
        let (told, fuel) = call.run(async |store| of.call_turn(store, &events).await)?;
        Ok((told.into(), fuel))
    }

    fn resize(&self, call: Call<'_>, capacity: u64) -> Called<Answer> {
        let of = self.optimizer_plugin_policy();
        let (told, fuel) = call.run(async |store| of.call_resize(store, capacity).await)?;
        Ok((told.into(), fuel))
    }

    fn hand_over(&self, call: Call<'_>) -> Called<Vec<ExportedEntry>> {
        let of = self.optimizer_plugin_policy();
        let (residents, fuel) = call.run(async |store| of.call_residents(store).await)?;
        let entry = |of: policy::Resident| ExportedEntry { slot: Slot(of.slot), frequency: of.uses };
        Ok((residents.into_iter().map(entry).collect(), fuel))
    }

    fn take_over(&self, call: Call<'_>, entries: &[ImportedEntry], _ids: bool) -> Called<()> {
        let resident = |entry: &ImportedEntry| policy::Resident {
            slot: entry.slot.0,
            uses: entry.frequency,
            weight: u32::try_from(entry.weight).unwrap_or(u32::MAX),
        };
        let residents: Vec<policy::Resident> = entries.iter().map(resident).collect();
        let of = self.optimizer_plugin_policy();
        call.run(async |store| of.call_take_over(store, &residents).await)
    }
}

fn event(((event, weight), id): ((&u32, u32), &u64)) -> Option<policy::Event> {
    let (slot, kind) = Kind::read(*event)?;
    let what = match kind {
        Kind::Used => policy::What::Used,
        Kind::Removed => policy::What::Removed,
        Kind::Replaced => policy::What::Replaced,
    };
    Some(policy::Event { slot, what, weight, id: *id })
}

impl From<policy::Told> for Answer {
    fn from(told: policy::Told) -> Self {
        let mut answer = Self { forgotten: told.forgotten, ..Self::default() };
        for victim in told.victims {
            answer.evict(victim.slot, victim.remembered, victim.before);
        }
        answer
    }
}
