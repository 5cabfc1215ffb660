//! The figures of a snapshot that bear on a control.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::proposal::Control;
use crate::snapshot::{Pool, Snapshot};

/// What somebody who asks "why?" wants to see beside a decision. Ratios from 0.0 to 1.0, times in
/// microseconds.
#[must_use]
pub fn bearing_on(control: Control, snapshot: &Snapshot) -> BTreeMap<String, f64> {
    let mut saw = BTreeMap::new();
    if let Some(ratio) = snapshot.cache.window_hit_ratio() {
        saw.insert("hit-ratio".to_owned(), ratio);
    }
    match control {
        Control::CachePolicy | Control::CacheCapacity | Control::PrefetchRules | Control::PrefetchBudget => {
            for shadow in &snapshot.shadows {
                if let Some(ratio) = shadow.window_hit_ratio() {
                    let name = format!("shadow-{}-{}x", shadow.policy, shadow.capacity_factor);
                    saw.insert(name, ratio);
                }
            }
        }
        Control::CpuWorkers | Control::IoWorkers => {
            saw.insert("throughput".to_owned(), snapshot.throughput);
            saw.insert("cpu-usage".to_owned(), snapshot.system.cpu_usage);
            if let Some(executor) = &snapshot.executor {
                let pool: &Pool = if control == Control::CpuWorkers { &executor.cpu } else { &executor.io };
                saw.insert("utilisation".to_owned(), pool.utilisation);
                saw.insert("mean-wait-us".to_owned(), pool.mean_wait_us);
                saw.insert("mean-service-us".to_owned(), pool.mean_service_us);
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
