//! A decision in words, on one line.

use host_contract::dial::CACHE_CAPACITY;
use host_contract::{Dial, Value};
use host_control::effect::Effect;
use host_control::ledger::Record;
use host_profile::Bytes;

/// What was decided, by whom, why, and how it was judged. Other records have no sentence.
pub(crate) fn sentence(record: &Record) -> String {
    match record {
        Record::Decision(decision) => {
            let (from, to) = (value(decision.dial, &decision.from), value(decision.dial, &decision.to));
            let what = format!("{} {from} -> {to}", decision.dial);
            whole(&what, &decision.by, &decision.reason, decision.effect.as_ref())
        }
        Record::Rules(rules) => {
            let what = format!("prefetch rules {} -> {}", rules.from, rules.to);
            whole(&what, &rules.by, &rules.reason, rules.effect.as_ref())
        }
        _ => String::new(),
    }
}

fn whole(what: &str, by: &[String], reason: &str, effect: Option<&Effect>) -> String {
    let judged = effect.map_or_else(|| "not judged yet".to_owned(), judged);
    format!("{what}, by {}: {reason}; {judged}", by.join(" and "))
}

fn value(dial: Dial, value: &Value) -> String {
    match value {
        Value::Count(bytes) if dial == CACHE_CAPACITY => Bytes(*bytes).to_string(),
        value => value.to_string(),
    }
}

fn judged(effect: &Effect) -> String {
    let figure = |figure: f64| match effect.metric {
        "hit-ratio" => format!("{:.1} %", figure * 100.0),
        "throughput" => format!("{figure:.0} /s"),
        "latency-mean" => format!("{figure:.0} us"),
        _ => format!("{figure}"),
    };
    let verdict = effect.verdict.name();
    match effect.counterfactual {
        Some(other) => {
            format!(
                "{verdict}: {} {} against {} ({})",
                effect.metric,
                figure(effect.measured),
                figure(other),
                effect.basis
            )
        }
        None => format!("{verdict} ({})", effect.basis),
    }
}

#[cfg(test)]
mod tests {
    use host_contract::dial::CACHE_POLICY;
    use host_control::effect::Found;
    use host_control::ledger::{Decision, RulesChanged};

    use super::*;

    fn decision() -> Decision {
        Decision {
            id: 1,
            tick: 3,
            at_ms: 750,
            dial: CACHE_POLICY,
            from: Value::Name("lru".to_owned()),
            to: Value::Name("arc".to_owned()),
            by: vec!["cache-policy".to_owned()],
            probability: 1.0,
            saw: [].into(),
            reason: "arc would miss less".to_owned(),
            effect: None,
        }
    }

    #[test]
    fn a_decision_reads_as_a_line() {
        let told = sentence(&Record::Decision(decision()));
        assert_eq!(told, "cache-policy lru -> arc, by cache-policy: arc would miss less; not judged yet");
        let effect = Effect {
            decision: 1,
            tick: 7,
            window_ticks: 4,
            metric: "hit-ratio",
            measured: 0.61,
            counterfactual: Some(0.552),
            basis: "lru, by the shadows".to_owned(),
            verdict: Found::Better,
            pairs: 0,
            statistic: None,
            confidence: None,
        };
        let told = sentence(&Record::Decision(Decision { effect: Some(effect), ..decision() }));
        assert!(told.ends_with("; better: hit-ratio 61.0 % against 55.2 % (lru, by the shadows)"), "{told}");
        let grown = Decision {
            dial: CACHE_CAPACITY,
            from: Value::Count(50_000_000),
            to: Value::Count(60_000_000),
            ..decision()
        };
        let told = sentence(&Record::Decision(grown));
        assert!(told.starts_with("cache-capacity 50 MB -> 60 MB, by "), "{told}");
        let rules = RulesChanged {
            id: 2,
            tick: 3,
            at_ms: 750,
            from: 0,
            to: 2,
            installed: 2,
            withdrawn: 0,
            by: vec!["prefetch-rules".to_owned()],
            reason: "2 installed".to_owned(),
            effect: None,
        };
        let told = sentence(&Record::Rules(rules));
        assert_eq!(told, "prefetch rules 0 -> 2, by prefetch-rules: 2 installed; not judged yet");
    }
}
