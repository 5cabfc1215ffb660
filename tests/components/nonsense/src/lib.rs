//! Proposes values that no control can take, from tick 2 on, and logs what the host answered to
//! each.

use strategy_sdk::{
    Acceptance, Control, ControlError, Description, NoSettings, Strategy, TickError, TickInfo, cache,
    executor, export_strategy, log, prefetch,
};

struct Nonsense;

impl Strategy for Nonsense {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("nonsense", "0.1.0", "Proposes values that no control can take").controls(&[
            Control::CachePolicy,
            Control::CacheCapacity,
            Control::CpuWorkers,
            Control::IoWorkers,
            Control::PrefetchRules,
            Control::PrefetchBudget,
        ])
    }

    fn new(_: NoSettings) -> Result<Self, TickError> {
        Ok(Self)
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        if info.tick >= 2 {
            say("policy no-such", cache::propose_policy("no-such"));
            say("policy of a megabyte", cache::propose_policy(&"x".repeat(1 << 20)));
            say("capacity 2^64 - 1", cache::propose_capacity(u64::MAX));
            say("capacity 0", cache::propose_capacity(0));
            say("cpu workers 4294967295", executor::propose_cpu_workers(u32::MAX));
            say("io workers 4294967295", executor::propose_io_workers(u32::MAX));
            say("io workers 0", executor::propose_io_workers(0));
            say("cache share NaN", prefetch::propose_budget(4, f64::NAN));
            say("cache share infinite", prefetch::propose_budget(u32::MAX, f64::INFINITY));
            say("stride 0", install(0, 8));
            say("depth 0", install(1, 0));
            say("depth 4294967295", install(1, u32::MAX));
            say("no targets", associate(Vec::new()));
            say("10,000 targets", associate(vec![7; 10_000]));
            say("withdraw what was never installed", prefetch::withdraw(u32::MAX));
        }
        Ok(())
    }
}

export_strategy!(Nonsense);

fn say(what: &str, answer: Result<Acceptance, ControlError>) {
    log::info(format_args!("{what}: {answer:?}"));
}

fn install(stride: i64, depth: u32) -> Result<Acceptance, ControlError> {
    prefetch::install(1, &prefetch::Rule::Sequential(prefetch::SequentialRule { stride, depth }))
}

fn associate(targets: Vec<u64>) -> Result<Acceptance, ControlError> {
    prefetch::install(2, &prefetch::Rule::Association(prefetch::AssociationRule { key: 1, targets }))
}
