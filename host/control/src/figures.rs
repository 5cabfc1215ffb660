//! The figures of a snapshot that stand beside a decision.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use host_contract::Snapshot;

/// What somebody who asks "why?" wants to see beside a decision: these gauges, and, where `shadows`, the hit ratio of each
/// shadow in the window. A gauge that was not measured is left out.
#[must_use]
pub fn beside(gauges: &[&str], shadows: bool, snapshot: &Snapshot) -> BTreeMap<String, f64> {
    let measured = |name: &&str| Some(((*name).to_owned(), snapshot.gauge(name)?));
    let mut saw: BTreeMap<String, f64> = gauges.iter().filter_map(measured).collect();
    if shadows {
        for shadow in &snapshot.shadows {
            if let Some(ratio) = shadow.window_hit_ratio() {
                saw.insert(format!("shadow-{}-{}x", shadow.policy, shadow.capacity_factor), ratio);
            }
        }
    }
    saw
}

/// The figures as a line of text, for a decision whose author gave no reason.
#[must_use]
pub fn in_words(saw: &BTreeMap<String, f64>) -> String {
    let mut text = String::new();
    for (name, figure) in saw {
        let separator = if text.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _infallible = write!(text, "{separator}{name} {figure:.3}");
    }
    text
}
