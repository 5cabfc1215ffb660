//! What is other than in a recording, and what else is worth knowing of a replay, in words.

use std::collections::{BTreeMap, BTreeSet};

use host_profile::Settings;
use host_workload::recording::{Header, Totals};

use super::comparison::Comparison;

/// Settings that are others than the recorded ones, in words.
pub(super) fn other_settings(header: &Header, settings: &Settings) -> Vec<String> {
    let parts = |set: &str| set.split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned()));
    let map = |sets: &[String]| sets.iter().filter_map(|set| parts(set)).collect::<BTreeMap<_, _>>();
    let (then, now) = (map(&header.settings), map(settings.portable()));
    let keys: BTreeSet<&str> = then.keys().chain(now.keys()).map(String::as_str).collect();
    // The line about a profile is for people, and what a replay may do without is none of the run's.
    let counts = |key: &str| key != "summary" && !key.ends_with(".optional");
    let value = |of: &BTreeMap<String, String>, key: &str| {
        of.get(key).cloned().unwrap_or_else(|| "not set".to_owned())
    };
    keys.into_iter()
        .filter(|key| counts(key) && then.get(*key) != now.get(*key))
        .map(|key| format!("{key}: {} in the recording, {} here", value(&then, key), value(&now, key)))
        .collect()
}

/// What else is worth knowing of a replay.
pub(super) fn notes(
    header: &Header,
    compared: &Comparison,
    totals: Option<Totals>,
    settings: &Settings,
) -> Vec<String> {
    let mut notes = settings.notes.clone();
    if !header.learnt.is_empty() {
        notes.push(format!(
            "{} began the recorded run with what they had learnt before, which is not recorded: here they begin with nothing",
            header.learnt.join(", ")
        ));
    }
    if let Some(first) = compared.commands.first() {
        notes.push(format!(
            "the recorded host was told {} times to do something, which a replay does not repeat; the first time {first}",
            compared.commands.len()
        ));
    }
    if let Some(totals) = totals.filter(|totals| totals.dropped > 0 || totals.lost > 0) {
        notes.push(format!(
            "{} requests and {} records are not in the recording: what wrote it had no time for them",
            totals.dropped, totals.lost
        ));
    }
    if compared.unheard > 0 {
        notes.push(format!(
            "{} records of the replay were too many for one tick, and were not compared",
            compared.unheard
        ));
    }
    notes
}
