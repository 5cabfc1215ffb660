//! The interfaces that a profile grants, linked one by one, and the controls, settings and log
//! behind them. What is measured is in [`metrics`].
//!
//! None of these functions waits, each charges the guest for what it costs the host, and none keeps more of what a guest hands over than it bounds: the
//! proposal context counts proposals, the log counts messages, the store caps the size of one call.

mod metrics;

use std::collections::BTreeSet;

use host_contract::dial::{self, Dial};
use host_contract::number::to_u64;
use host_contract::{Acceptance, Grant, PrefetchRule, Refusal, Value};
use wasmtime::component::{HasSelf, Linker};

use crate::bindings::optimizer::plugin::{
    cache_control, executor_control, metrics as metrics_interface, prefetch_control, types,
};
use crate::bindings::wasi::config::store;
use crate::bindings::wasi::logging::logging;
use crate::names;
use crate::state::State;

/// Bytes kept of a policy's name that a guest proposes: it goes on the ledger.
const MAX_NAME: usize = 64;

/// What a record costs in flat numbers: it is written to the guest field by field.
pub(crate) const RECORD: usize = 16;

/// The interface that a grant stands for, with the version that this host has; none where it has no such interface yet.
pub(crate) fn interface_of(grant: Grant) -> Option<&'static str> {
    Some(match grant {
        Grant::Metrics => "optimizer:plugin/metrics@0.1.0",
        Grant::CacheControl => "optimizer:plugin/cache-control@0.1.0",
        Grant::ExecutorControl => "optimizer:plugin/executor-control@0.1.0",
        Grant::PrefetchControl => "optimizer:plugin/prefetch-control@0.1.0",
        Grant::Settings => "wasi:config/store@0.2.0-rc.1",
        Grant::Log => "wasi:logging/logging@0.1.0-draft",
        Grant::Accesses | Grant::Dials | Grant::Run | Grant::ShadowControl => return None,
    })
}

/// Links `types`, which holds no function, and exactly the granted interfaces.
pub(crate) fn link(linker: &mut Linker<State>, grants: &BTreeSet<Grant>) -> wasmtime::Result<()> {
    types::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?;
    for grant in grants {
        match grant {
            Grant::Metrics => metrics_interface::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?,
            Grant::CacheControl => cache_control::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?,
            Grant::ExecutorControl => {
                executor_control::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?
            }
            Grant::PrefetchControl => {
                prefetch_control::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?
            }
            Grant::Settings => store::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?,
            Grant::Log => logging::add_to_linker::<State, HasSelf<State>>(linker, |s| s)?,
            Grant::Accesses | Grant::Dials | Grant::Run | Grant::ShadowControl => {}
        }
    }
    Ok(())
}

type Answer = wasmtime::Result<Result<types::Acceptance, types::ControlError>>;

impl State {
    fn propose(&mut self, dial: Dial, value: Value) -> Answer {
        self.charge(0)?;
        Ok(answer(self.context.propose(dial, value)))
    }
}

fn answer(answer: Result<Acceptance, Refusal>) -> Result<types::Acceptance, types::ControlError> {
    match answer {
        Ok(Acceptance::Accepted) => Ok(types::Acceptance::Accepted),
        Ok(Acceptance::Clamped(value)) => Ok(types::Acceptance::Clamped(to_u64(value))),
        Err(refusal) => Err(refusal.into()),
    }
}

impl From<Refusal> for types::ControlError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::NotGranted => Self::NotGranted,
            Refusal::NotDeclared => Self::Other(Some(Refusal::NotDeclared.to_string())),
            Refusal::Unavailable => Self::Unavailable,
            Refusal::CoolingDown(until) => Self::CoolingDown(until),
            Refusal::Unknown(known) => Self::Unknown(known),
            Refusal::Invalid(why) => Self::Invalid(why),
            Refusal::TooMany(limit) => Self::TooMany(limit),
        }
    }
}

impl types::Host for State {}

impl cache_control::Host for State {
    fn propose_policy(&mut self, name: String) -> Answer {
        self.charge_bytes(name.len())?;
        self.propose(dial::CACHE_POLICY, Value::Name(names::tame(&name, MAX_NAME)))
    }

    fn propose_capacity(&mut self, bytes: u64) -> Answer {
        self.propose(dial::CACHE_CAPACITY, Value::Count(bytes))
    }
}

impl executor_control::Host for State {
    fn propose_cpu_workers(&mut self, workers: u32) -> Answer {
        self.propose(dial::CPU_WORKERS, Value::Count(u64::from(workers)))
    }

    fn propose_io_workers(&mut self, workers: u32) -> Answer {
        self.propose(dial::IO_WORKERS, Value::Count(u64::from(workers)))
    }
}

impl prefetch_control::Host for State {
    fn install(&mut self, id: u32, rule: prefetch_control::Rule) -> Answer {
        if let prefetch_control::Rule::Association(rule) = &rule {
            self.charge(rule.targets.len())?;
        }
        let rule = match rule {
            prefetch_control::Rule::Sequential(rule) => {
                PrefetchRule::Sequential { stride: rule.stride, depth: rule.depth }
            }
            prefetch_control::Rule::Association(rule) => {
                PrefetchRule::Association { key: rule.key, targets: rule.targets }
            }
        };
        self.charge(0)?;
        Ok(answer(self.context.propose_rule(id, rule)))
    }

    fn withdraw(&mut self, id: u32) -> Answer {
        self.charge(0)?;
        Ok(answer(self.context.propose_withdrawal(id)))
    }

    fn propose_budget(&mut self, max_in_flight: u32, cache_share: f64) -> Answer {
        // One call of the contract, two dials: what the share is answered counts where it is refused.
        let loads = self.propose(dial::PREFETCH_IN_FLIGHT, Value::Count(u64::from(max_in_flight)))?;
        let share = self.propose(dial::PREFETCH_SHARE, Value::Ratio(cache_share))?;
        Ok(share.and(loads))
    }
}

impl store::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        self.charge(0)?;
        self.charge_bytes(key.len())?;
        Ok(Ok(self.settings.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        self.charge(self.settings.len() * RECORD)?;
        Ok(Ok(self.settings.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))
    }
}

impl logging::Host for State {
    fn log(&mut self, level: logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        self.charge(0)?;
        self.charge_bytes(context.len().saturating_add(message.len()))?;
        let level = match level {
            logging::Level::Trace => "trace",
            logging::Level::Debug => "debug",
            logging::Level::Info => "info",
            logging::Level::Warn => "warn",
            logging::Level::Error => "error",
            logging::Level::Critical => "critical",
        };
        match context.as_str() {
            "prefetch-rules" => self.context.explain_rules(&message),
            "prefetch-budget" => {
                self.context.explain(dial::PREFETCH_IN_FLIGHT, &message);
                self.context.explain(dial::PREFETCH_SHARE, &message);
            }
            dial => self.context.explain(dial, &message),
        }
        self.log.push(level, &context, &message);
        Ok(())
    }
}
