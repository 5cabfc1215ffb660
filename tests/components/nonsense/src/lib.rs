//! Proposes values that no dial can take, from tick 2 on, and logs what the host answered to
//! each.

use strategy_sdk::{
    Acceptance, ControlError, Description, NoSettings, Strategy, TickError, TickInfo, cache, dial, executor,
    export_strategy, log, prefetch,
};

struct Nonsense;

impl Strategy for Nonsense {
    type Settings = NoSettings;

    fn describe() -> Description {
        Description::new("nonsense", "0.1.0", "Proposes values that no dial can take").dials(&[
            dial::CACHE_POLICY,
            dial::CACHE_CAPACITY,
            dial::CACHE_TTL,
            dial::CPU_WORKERS,
            dial::IO_WORKERS,
            dial::PREFETCH_IN_FLIGHT,
            dial::PREFETCH_SHARE,
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
            say("lifetime 0", cache::propose_ttl(0));
            say("lifetime 2^64 - 1", cache::propose_ttl(u64::MAX));
            say("cpu workers 4294967295", executor::propose_cpu_workers(u32::MAX));
            say("io workers 4294967295", executor::propose_io_workers(u32::MAX));
            say("io workers 0", executor::propose_io_workers(0));
            say("loads 4294967295", prefetch::propose_in_flight(u32::MAX));
            say("share NaN", prefetch::propose_share(f64::NAN));
            say("share infinite", prefetch::propose_share(f64::INFINITY));
            say("share -1", prefetch::propose_share(-1.0));
            say("stride 0", install(0, 8));
            say("depth 0", install(1, 0));
            say("depth 4294967295", install(1, u32::MAX));
            say("no targets", associate(Vec::new()));
            say("10,000 targets", associate(vec![7; 10_000]));
            say("withdraw what was never installed", prefetch::propose_withdrawal(u32::MAX));
        }
        Ok(())
    }
}

export_strategy!(Nonsense);

fn say(what: &str, answer: Result<Acceptance, ControlError>) {
    log::info(format_args!("{what}: {answer:?}"));
}

fn install(stride: i64, depth: u32) -> Result<Acceptance, ControlError> {
    prefetch::propose_rule(1, &prefetch::Rule::Sequential(prefetch::SequentialRule { stride, depth }))
}

fn associate(targets: Vec<u64>) -> Result<Acceptance, ControlError> {
    prefetch::propose_rule(2, &prefetch::Rule::Association(prefetch::AssociationRule { key: 1, targets }))
}
