//! Calls every function of the contract as it was first published, and tells the log what it was answered.
//!
//! Bound to the copy of the contract beside this crate, which does not change any more: a host that cannot run this
//! component cannot run what others have built.

mod bindings {
    wit_bindgen::generate!({ world: "strategy", path: "../wit" });
}

use std::fmt::Debug;

use bindings::optimizer::plugin::{
    accesses, cache_control, dials, executor_control, log, metrics, prefetch_control, run, settings,
    shadow_control, types,
};

struct Pinned;

impl bindings::Guest for Pinned {
    fn describe() -> types::Description {
        let setting = types::Setting {
            name: "factor".to_owned(),
            summary: "A setting of every field".to_owned(),
            kind: types::SettingKind::Number,
            default: "1.5".to_owned(),
            minimum: Some(1.0),
            maximum: Some(2.0),
            choices: Vec::new(),
        };
        let dials = [
            "cache-policy",
            "cache-capacity",
            "cpu-workers",
            "io-workers",
            "prefetch-in-flight",
            "prefetch-share",
            "dial-of-a-later-host",
        ];
        types::Description {
            name: "pinned".to_owned(),
            version: "0.1.0".to_owned(),
            summary: "Calls every function of the contract".to_owned(),
            dials: dials.map(str::to_owned).to_vec(),
            settings: vec![setting],
        }
    }

    fn tick(info: types::TickInfo) -> Result<(), types::TickError> {
        say("tick", info);
        look();
        propose();
        log::write(log::Level::Trace, "trace");
        log::write(log::Level::Debug, "debug");
        log::write(log::Level::Warn, "warn");
        log::write(log::Level::Error, "error");
        if info.tick == 2 { Err(types::TickError::Other("the second tick".to_owned())) } else { Ok(()) }
    }
}

fn look() {
    say("system", metrics::system());
    say("cache", metrics::cache());
    say("shadows", metrics::shadows());
    say("executor", metrics::executor());
    say("classes", metrics::classes());
    say("prefetch", metrics::prefetch());
    let gauges: Vec<String> = metrics::gauges().into_iter().map(|gauge| gauge.name).collect();
    say("gauges", gauges);
    say("gauge", metrics::gauge("hit-ratio"));
    say("unknown gauge", metrics::gauge("gauge-of-a-later-host"));
    say("history", metrics::history("hit-ratio", 3));
    say("since", accesses::since(1, 2));
    say("recent", accesses::recent(2));
    say("names", dials::names());
    say("range", dials::range("cache-capacity"));
    say("unknown range", dials::range("dial-of-a-later-host"));
    say("choices", dials::choices("cache-policy"));
    say("choice", dials::choice("cache-policy"));
    say("free-from-tick", dials::free_from_tick("cache-policy"));
    say("outcomes", dials::outcomes(9));
    say("clock", run::clock());
    say("objective", run::objective());
    say("capacity-unit", run::capacity_unit());
    say("seed", run::seed());
    say("keys-ordered", run::keys_ordered());
    say("fuel-left is above 0", run::fuel_left() > 0);
    say("time-left-ns is none", run::time_left_ns().is_none());
    say("followed", shadow_control::followed());
    say("budget", shadow_control::budget());
    say("get", settings::get("factor"));
    say("all", settings::all());
}

fn propose() {
    say("propose-policy", cache_control::propose_policy("arc"));
    say("propose-capacity", cache_control::propose_capacity(500));
    say("propose-cpu-workers", executor_control::propose_cpu_workers(3));
    say("propose-io-workers", executor_control::propose_io_workers(99));
    let sequential = prefetch_control::SequentialRule { stride: 1, depth: 8 };
    say("propose-rule", prefetch_control::propose_rule(1, &prefetch_control::Rule::Sequential(sequential)));
    let association = prefetch_control::AssociationRule { key: 7, targets: vec![8, 9] };
    say("propose-rule", prefetch_control::propose_rule(2, &prefetch_control::Rule::Association(association)));
    say("propose-withdrawal", prefetch_control::propose_withdrawal(2));
    say("propose-in-flight", prefetch_control::propose_in_flight(2));
    say("propose-share", prefetch_control::propose_share(0.25));
    prefetch_control::explain_rules("a run was seen");
    dials::explain("cache-policy", "arc is what this one likes");
    say("follow", shadow_control::follow(&["lru".to_owned(), "arc".to_owned()]));
}

fn say(what: &str, answer: impl Debug) {
    log::write(log::Level::Info, &format!("{what}: {answer:?}"));
}

bindings::export!(Pinned with_types_in bindings);
