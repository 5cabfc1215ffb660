//! What the ticks of two runs turned, and the first record in which they differ.

use host_contract::{Dials, Value};
use host_profile::Bytes;
use serde::Serialize;
use serde_json::Value as Json;

/// Something that a tick changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Turn {
    /// What, from what, to what: two that are alike here have the same effect.
    key: Json,
    /// In words, with who asked for it; none where another one of its tick says as much.
    words: Option<String>,
    /// Whether it is a decision, and counts as one.
    pub(super) decision: bool,
    /// Dials that it turns, and to what.
    pub(super) dials: Vec<(String, Json)>,
    /// The rule that it installs or withdraws: whose, which, and how.
    pub(super) rule: Option<(String, u64, Json)>,
}

/// A record that is another one in a replay.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DifferentRecord {
    /// The tick.
    pub tick: u64,
    /// Type of the record, such as `proposal`.
    pub record: String,
    /// The strategy, where it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<String>,
    /// The first field that differs, with dots; empty where one of the two has no such record.
    pub field: String,
    /// What stands there in the recording; none where it has no such record.
    pub recorded: Option<Json>,
    /// The same of the replay.
    pub replayed: Option<Json>,
}

impl DifferentRecord {
    /// In words.
    #[must_use]
    pub fn in_words(&self) -> String {
        let Self { tick, record, strategy, field, recorded, replayed } = self;
        let of = strategy.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
        match (recorded, replayed) {
            (Some(recorded), Some(replayed)) => format!(
                "tick {tick}, `{record}`{of}: `{field}` is {} in the recording and {} in the replay",
                short(recorded),
                short(replayed)
            ),
            (Some(_), None) => {
                format!("tick {tick}, `{record}`{of}: the recording has it, the replay has not")
            }
            (None, _) => format!("tick {tick}, `{record}`{of}: the replay has it, the recording has not"),
        }
    }
}

/// Characters of a value that is shown.
const SHOWN: usize = 80;

fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

/// What records say that a tick turned.
pub(super) fn turns(records: &[Json]) -> Vec<Turn> {
    records.iter().filter_map(turn).collect()
}

fn turn(record: &Json) -> Option<Turn> {
    let text = |name: &str| record.get(name).and_then(Json::as_str).unwrap_or_default();
    let number = |name: &str| record.get(name).and_then(Json::as_u64).unwrap_or_default();
    let get = |name: &str| record.get(name).cloned().unwrap_or_default();
    let by = || {
        let names = record.get("by").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        names.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ")
    };
    let plain = |key: Json, words: String| Turn {
        key,
        words: Some(words),
        decision: false,
        dials: Vec::new(),
        rule: None,
    };
    match text("type") {
        "decision" => {
            let (dial, from, to) = (text("dial"), get("from"), get("to"));
            let words = format!("{dial} {} -> {} by {}", value(dial, &from), value(dial, &to), by());
            let dials = vec![(dial.to_owned(), to.clone())];
            Some(Turn { decision: true, dials, ..plain(Json::from(vec![Json::from(dial), from, to]), words) })
        }
        "block" => {
            let values = record.get("values").and_then(Json::as_object).cloned().unwrap_or_default();
            let dials: Vec<(String, Json)> = values.into_iter().collect();
            let side = if text("side") == "present" { "what was decided for" } else { "what was left" };
            let set: Vec<String> =
                dials.iter().map(|(dial, to)| format!("{dial} {}", value(dial, to))).collect();
            let words = format!("a trial takes {side}: {}", set.join(", "));
            Some(Turn { dials, ..plain(get("values"), words) })
        }
        "rules" => {
            let key = ["from", "to", "installed", "withdrawn"].map(get).to_vec();
            let words = format!("prefetch rules {} -> {} by {}", number("from"), number("to"), by());
            Some(Turn { decision: true, ..plain(Json::from(key), words) })
        }
        "rule-proposal" if text("verdict") == "applied" => {
            let (strategy, id, change) = (text("strategy"), number("id"), get("proposed"));
            let key = Json::from(vec![Json::from(id), change.clone()]);
            let rule = Some((strategy.to_owned(), id, change));
            Some(Turn { key, words: None, decision: false, dials: Vec::new(), rule })
        }
        "shadows" => Some(plain(get("to"), format!("the shadows follow others, by {}", text("by")))),
        _ => None,
    }
}

/// What each of two turned that the other one did not, in words.
pub(super) fn apart(a: &[Turn], b: &[Turn]) -> [Vec<String>; 2] {
    let without = |of: &[Turn], other: &[Turn]| {
        let alone = of.iter().filter(|turn| !other.iter().any(|there| there.key == turn.key));
        alone.filter_map(|turn| turn.words.clone()).collect::<Vec<_>>()
    };
    match [without(a, b), without(b, a)] {
        // The same in another order, or rules that differ in what they load.
        [was, is] if was.is_empty() && is.is_empty() => {
            let all = |of: &[Turn]| of.iter().filter_map(|turn| turn.words.clone()).collect();
            [all(a), all(b)]
        }
        apart => apart,
    }
}

/// Whether the same was turned.
pub(super) fn same(a: &[Turn], b: &[Turn]) -> bool {
    a.iter().map(|turn| &turn.key).eq(b.iter().map(|turn| &turn.key))
}

/// A value of a dial, with its unit where that is bytes.
pub(super) fn value(dial: &str, value: &Json) -> String {
    let bytes = Dials::built_in().find(dial).is_some_and(|spec| spec.unit == "bytes");
    match serde_json::from_value(value.clone()) {
        Ok(Value::Count(count)) if bytes => Bytes(count).to_string(),
        Ok(value) => value.to_string(),
        Err(_) => value.to_string(),
    }
}

/// The first record of a tick that is another one in the two; a digest is none of the difference: components are compared by themselves.
pub(super) fn first_different(tick: u64, recorded: &[Json], replayed: &[Json]) -> Option<DifferentRecord> {
    let most = recorded.len().max(replayed.len());
    (0..most).find_map(|at| {
        let pair = match (recorded.get(at), replayed.get(at)) {
            // Two that speak of something else: one of them has no other.
            (Some(a), Some(b)) if about(a) != about(b) => {
                let there = replayed.iter().any(|other| about(other) == about(a));
                if there { (None, Some(b)) } else { (Some(a), None) }
            }
            pair => pair,
        };
        let (field, a, b) = match pair {
            (Some(a), Some(b)) => field("", a, b)?,
            (a, b) => (String::new(), a.cloned(), b.cloned()),
        };
        let of = pair.0.or(pair.1)?;
        let text = |name: &str| of.get(name).and_then(Json::as_str).map(str::to_owned);
        Some(DifferentRecord {
            tick,
            record: text("type").unwrap_or_default(),
            strategy: text("strategy"),
            field,
            recorded: a,
            replayed: b,
        })
    })
}

/// What a record is about: its type, and whose of what it is.
fn about(record: &Json) -> [Option<&Json>; 3] {
    ["type", "strategy", "dial"].map(|name| record.get(name))
}

/// The first field that differs, and the two values.
fn field(path: &str, a: &Json, b: &Json) -> Option<(String, Option<Json>, Option<Json>)> {
    if a == b {
        return None;
    }
    let (Json::Object(left), Json::Object(right)) = (a, b) else {
        return Some((path.to_owned(), Some(a.clone()), Some(b.clone())));
    };
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let names = left.keys().chain(right.keys().filter(|name| !left.contains_key(*name)));
    names.filter(|name| *name != "digest").find_map(|name| match (left.get(name), right.get(name)) {
        (Some(a), Some(b)) => field(&below(name), a, b),
        (None, None) => None,
        (a, b) => {
            Some((below(name), Some(a.cloned().unwrap_or_default()), Some(b.cloned().unwrap_or_default())))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_has_the_same_effect_is_the_same_whoever_asked() {
        let decided = |by: &str, to: &str| json!({"type": "decision", "dial": "cache-policy", "from": "lru", "to": to, "by": [by], "reason": by});
        let of = |record: Json| turns(&[record]);
        assert!(same(&of(decided("a", "arc")), &of(decided("b", "arc"))));
        assert!(!same(&of(decided("a", "arc")), &of(decided("a", "lfu"))));
        let words = |record: Json| apart(&of(record), &[])[0].clone();
        assert_eq!(words(decided("a", "arc")), ["cache-policy lru -> arc by a"]);
        let capacity =
            json!({"type": "decision", "dial": "cache-capacity", "from": 1_000, "to": 2_500_000, "by": []});
        assert_eq!(words(capacity.clone()), ["cache-capacity 1 kB -> 2.5 MB by "]);
        let share =
            json!({"type": "decision", "dial": "prefetch-share", "from": 0.1, "to": 0.256, "by": ["a", "b"]});
        assert_eq!(words(share), ["prefetch-share 10 % -> 26 % by a, b"]);
        // What both have turned is no difference.
        let (was, is) = (turns(&[decided("a", "arc"), capacity]), of(decided("b", "arc")));
        assert_eq!(apart(&was, &is), [vec!["cache-capacity 1 kB -> 2.5 MB by ".to_owned()], Vec::new()]);
        assert!(of(json!({"type": "proposal", "verdict": "applied"})).is_empty());
        let refused = json!({"type": "rule-proposal", "verdict": "refused"});
        assert!(of(refused).is_empty());
    }

    #[test]
    fn the_first_field_that_differs_is_named_and_a_digest_is_none() {
        let proposal = |digest: &str, asked: u64| json!({"type": "proposal", "strategy": "a", "digest": digest, "answer": {"clamped": asked}});
        let difference = |a: &[Json], b: &[Json]| first_different(7, a, b).map(|found| found.in_words());
        assert_eq!(difference(&[proposal("x", 1)], &[proposal("y", 1)]), None);
        assert_eq!(
            difference(&[proposal("x", 1)], &[proposal("x", 2)]).unwrap(),
            "tick 7, `proposal` of a: `answer.clamped` is 1 in the recording and 2 in the replay"
        );
        assert_eq!(
            difference(&[], &[proposal("x", 2)]).unwrap(),
            "tick 7, `proposal` of a: the replay has it, the recording has not"
        );
        assert_eq!(
            difference(&[proposal("x", 2)], &[]).unwrap(),
            "tick 7, `proposal` of a: the recording has it, the replay has not"
        );
        let of = |strategy: &str| json!({"type": "proposal", "strategy": strategy});
        assert_eq!(
            difference(&[of("a"), of("b")], &[of("b")]).unwrap(),
            "tick 7, `proposal` of a: the recording has it, the replay has not"
        );
        assert_eq!(
            difference(&[of("b")], &[of("a"), of("b")]).unwrap(),
            "tick 7, `proposal` of a: the replay has it, the recording has not"
        );
    }
}
