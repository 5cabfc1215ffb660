//! The interfaces that take proposals: for the cache, the tiers, the pools, prefetching, and what the shadows follow.
//!
//! Each typed call is a value for a dial by name; what it is answered comes from the proposal context.

use host_contract::{Acceptance, Dial, PrefetchRule, Refusal, Value, dial};

use crate::names;
use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin::{
    cache_control, executor_control, prefetch_control, shadow_control, tier_control, types,
};

/// Bytes kept of a name that a guest proposes: it goes on the ledger.
const MAX_NAME: usize = 64;

type Answer = wasmtime::Result<Result<types::Acceptance, types::ControlError>>;

impl StoreData {
    fn propose(&mut self, dial: Dial, value: Value) -> Answer {
        self.charge(1)?;
        Ok(answer(self.context.propose(dial, value)))
    }
}

fn answer(answer: Result<Acceptance, Refusal>) -> Result<types::Acceptance, types::ControlError> {
    match answer {
        Ok(Acceptance::Accepted) => Ok(types::Acceptance::Accepted),
        Ok(Acceptance::Clamped(value)) => Ok(types::Acceptance::Clamped(value)),
        Err(refusal) => Err(refusal.into()),
    }
}

impl From<Refusal> for types::ControlError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotGranted => Self::NotGranted,
            Refusal::NotDeclared => Self::NotDeclared,
            Refusal::Unavailable => Self::Unavailable,
            Refusal::CoolingDown(until) => Self::CoolingDown(until),
            Refusal::Unknown(known) => Self::Unknown(known),
            Refusal::Invalid(why) => Self::Invalid(why),
            Refusal::TooMany(limit) => Self::TooMany(limit),
        }
    }
}

impl types::Host for StoreData {}

impl cache_control::Host for StoreData {
    fn propose_policy(&mut self, name: String) -> Answer {
        self.charge_bytes(name.len())?;
        self.propose(dial::CACHE_POLICY, Value::Name(names::sanitize(&name, MAX_NAME)))
    }

    fn propose_capacity(&mut self, bytes: u64) -> Answer {
        self.propose(dial::CACHE_CAPACITY, Value::Count(bytes))
    }

    fn propose_ttl(&mut self, seconds: u64) -> Answer {
        self.propose(dial::CACHE_TTL, Value::Count(seconds))
    }

    fn propose_refresh_ahead(&mut self, share: f64) -> Answer {
        self.propose(dial::REFRESH_AHEAD, Value::Ratio(share))
    }
}

impl tier_control::Host for StoreData {
    fn propose_warm_capacity(&mut self, bytes: u64) -> Answer {
        self.propose(dial::WARM_CAPACITY, Value::Count(bytes))
    }

    fn propose_warm_compression(&mut self, name: String) -> Answer {
        self.charge_bytes(name.len())?;
        self.propose(dial::WARM_COMPRESSION, Value::Name(names::sanitize(&name, MAX_NAME)))
    }

    fn propose_disk_capacity(&mut self, bytes: u64) -> Answer {
        self.propose(dial::DISK_CAPACITY, Value::Count(bytes))
    }

    fn propose_ttl(&mut self, seconds: u64) -> Answer {
        self.propose(dial::TIERS_TTL, Value::Count(seconds))
    }
}

impl executor_control::Host for StoreData {
    fn propose_cpu_workers(&mut self, workers: u32) -> Answer {
        self.propose(dial::CPU_WORKERS, Value::Count(workers.into()))
    }

    fn propose_io_workers(&mut self, workers: u32) -> Answer {
        self.propose(dial::IO_WORKERS, Value::Count(workers.into()))
    }
}

impl prefetch_control::Host for StoreData {
    fn propose_rule(&mut self, id: u32, rule: prefetch_control::Rule) -> Answer {
        let rule = match rule {
            prefetch_control::Rule::Sequential(rule) => {
                PrefetchRule::Sequential { stride: rule.stride, depth: rule.depth }
            }
            prefetch_control::Rule::Association(rule) => {
                self.charge(rule.targets.len())?;
                PrefetchRule::Association { key: rule.key, targets: rule.targets }
            }
        };
        self.charge(2)?;
        Ok(answer(self.context.propose_rule(id, rule)))
    }

    fn propose_stream(&mut self, id: u32, depth: u32) -> Answer {
        self.charge(2)?;
        Ok(answer(self.context.propose_rule(id, PrefetchRule::Stream { depth })))
    }

    fn propose_replay(&mut self, id: u32, depth: u32) -> Answer {
        self.charge(2)?;
        Ok(answer(self.context.propose_rule(id, PrefetchRule::Replay { depth })))
    }

    fn propose_mined(&mut self, id: u32) -> Answer {
        self.charge(1)?;
        Ok(answer(self.context.propose_rule(id, PrefetchRule::Mined)))
    }

    fn propose_withdrawal(&mut self, id: u32) -> Answer {
        self.charge(1)?;
        Ok(answer(self.context.propose_withdrawal(id)))
    }

    fn explain_rules(&mut self, reason: String) -> wasmtime::Result<()> {
        self.charge(0)?;
        self.charge_bytes(reason.len())?;
        self.context.explain_rules(&names::sanitize(&reason, super::MAX_REASON));
        Ok(())
    }

    fn propose_in_flight(&mut self, loads: u32) -> Answer {
        self.propose(dial::PREFETCH_IN_FLIGHT, Value::Count(loads.into()))
    }

    fn propose_share(&mut self, share: f64) -> Answer {
        self.propose(dial::PREFETCH_SHARE, Value::Ratio(share))
    }
}

impl shadow_control::Host for StoreData {
    fn followed(&mut self) -> wasmtime::Result<Vec<String>> {
        self.charge(self.context.followed().len())?;
        Ok(self.context.followed().to_vec())
    }

    fn budget(&mut self) -> wasmtime::Result<u32> {
        self.charge(1)?;
        Ok(self.context.shadow_budget())
    }

    fn follow(&mut self, policies: Vec<String>) -> wasmtime::Result<Result<(), types::ControlError>> {
        self.charge(policies.len())?;
        self.charge_bytes(policies.iter().map(String::len).sum())?;
        let policies = policies.iter().map(|name| names::sanitize(name, MAX_NAME)).collect();
        Ok(self.context.follow(policies).map_err(Into::into))
    }

    fn follow_capacities(&mut self) -> wasmtime::Result<Result<(), types::ControlError>> {
        self.charge(1)?;
        Ok(self.context.follow_capacities().map_err(Into::into))
    }
}
