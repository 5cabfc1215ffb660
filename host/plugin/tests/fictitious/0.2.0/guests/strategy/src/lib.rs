//! A strategy of the fictitious version: asks for a larger cache at each tick, says so, and fails at the tick that its
//! setting names.

mod bindings {
    wit_bindgen::generate!({ world: "strategy", path: "../../wit" });
}

use bindings::optimizer::plugin::{cache_proposals, gauges, settings, types};

struct Next;

impl bindings::Guest for Next {
    fn about() -> types::Identity {
        let setting = types::Setting {
            name: "fails-at".to_owned(),
            summary: "The tick to fail at".to_owned(),
            kind: types::Kind::Text,
            default: None,
        };
        types::Identity {
            name: "next".to_owned(),
            version: "2.0.0".to_owned(),
            authors: vec!["nobody".to_owned()],
            summary: "Asks for a larger cache".to_owned(),
            controls: vec!["cache-capacity".to_owned()],
            settings: vec![setting],
        }
    }

    fn tick(at: types::Moment) -> types::Outcome {
        let tick = at.tick.to_string();
        let value = types::Value::Count(100 * (at.tick + 1));
        let answer = cache_proposals::propose("cache-capacity", &value, "more is better");
        let note =
            format!("{tick} at {} s: hit-ratio {:?}, {answer:?}", at.seconds, gauges::read("hit-ratio"));
        let failed = (settings::get("fails-at") == Some(tick)).then(|| "as it was told".to_owned());
        types::Outcome { notes: vec![note], failed }
    }
}

bindings::export!(Next with_types_in bindings);
