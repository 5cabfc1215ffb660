//! The built-in profiles: the catalogue's figures, and rules that hold for all of them.

use std::collections::BTreeSet;

use host_profile::{Bytes, list, nearest_profile};

use crate::{big, loader};

const MB: u64 = 1_000_000;

#[test]
fn the_six_have_the_figures_they_are_known_by() {
    // Name, cap, capacity, workers.
    let known = [
        ("small", 400 * MB, 50 * MB, 4),
        ("medium", 2_600 * MB, 260 * MB, 8),
        ("large", 6_200 * MB, 500 * MB, 16),
        ("high-performance", 10_500 * MB, 500 * MB, 32),
        ("memory-constrained", 250 * MB, 25 * MB, 2),
        ("cpu-constrained", 1_400 * MB, 140 * MB, 4),
    ];
    assert_eq!(list().iter().map(|(name, _)| *name).collect::<Vec<_>>(), known.map(|(name, ..)| name));
    for (name, cap, capacity, workers) in known {
        let settings = loader().profile(name).load(&big()).unwrap();
        assert_eq!(settings.memory.cap, Bytes(cap), "{name}");
        assert_eq!(settings.cache.capacity, Bytes(capacity), "{name}");
        assert_eq!(settings.executor.cpu_workers, workers, "{name}");
        assert_eq!(settings.executor.io_workers, workers, "{name}");
        assert!(settings.cache.max_capacity <= Bytes(500 * MB), "{name}");
        assert_eq!(settings.notes.first(), None, "{name}: nothing to clamp on a big machine");
    }
}

#[test]
fn each_has_a_summary_that_fits_a_line() {
    for (name, summary) in list() {
        assert!((10..70).contains(&summary.len()), "{name}: {summary:?}");
    }
}

/// Else an overlay could lower a start below a minimum that it leaves alone. What none of them gives is the same in all.
#[test]
fn each_gives_every_bound_that_one_gives_and_says_what_it_optimises() {
    let all: Vec<_> =
        list().iter().map(|(name, _)| (*name, loader().profile(*name).load(&big()).unwrap())).collect();
    let given: BTreeSet<String> = all
        .iter()
        .flat_map(|(name, settings)| {
            let source = format!("profile {name}");
            settings.rows().iter().filter(move |row| row.source == source).map(|row| row.key.clone())
        })
        .collect();
    assert!(["optimise", "summary", "cache.min-capacity"].iter().all(|key| given.contains(*key)));
    for (name, settings) in &all {
        let source = format!("profile {name}");
        for row in settings.rows() {
            let key = row.key.as_str();
            let switch =
                matches!(key, "cache.policy" | "cache.shadows" | "cache.shadow-policies" | "prefetch.mode");
            let bound = ["memory.", "cache.", "executor.", "prefetch."].iter().any(|t| key.starts_with(t));
            if given.contains(key) && ((bound && !switch) || key == "optimise" || key == "summary") {
                assert_eq!(row.source, source, "{key}");
            }
        }
    }
}

#[test]
fn an_overlay_takes_the_smaller_value_of_each_bound() {
    let names = ["small", "medium", "large", "high-performance"];
    for base in names {
        for overlay in ["memory-constrained", "cpu-constrained"] {
            let both = loader().profile(format!("{base}+{overlay}")).load(&big()).unwrap();
            let base = loader().profile(base).load(&big()).unwrap();
            let over = loader().profile(overlay).load(&big()).unwrap();
            assert_eq!(both.memory.cap, base.memory.cap.min(over.memory.cap));
            assert_eq!(both.cache.capacity, base.cache.capacity.min(over.cache.capacity));
            assert_eq!(both.cache.min_capacity, base.cache.min_capacity.min(over.cache.min_capacity));
            assert_eq!(
                both.executor.max_cpu_workers,
                base.executor.max_cpu_workers.min(over.executor.max_cpu_workers)
            );
            assert_eq!(both.prefetch.cache_share, base.prefetch.cache_share.min(over.prefetch.cache_share));
            assert_eq!(both.optimise, base.optimise, "what is optimised is the project's");
            assert_eq!(both.summary, base.summary);
        }
    }
}

#[test]
fn overlays_stack_and_name_themselves_as_the_source() {
    let settings = loader().profile("medium+memory-constrained+cpu-constrained").load(&big()).unwrap();
    assert_eq!(settings.profile, "medium+memory-constrained+cpu-constrained");
    assert_eq!(settings.source("memory.cap"), Some("overlay memory-constrained"));
    assert_eq!(settings.source("executor.cpu-workers"), Some("overlay memory-constrained"));
    assert_eq!(settings.source("executor.min-cpu-workers"), Some("profile medium"));
    let settings = loader().profile("small+cpu-constrained").load(&big()).unwrap();
    assert_eq!(settings.source("memory.cap"), Some("profile small"), "already the smaller one");
    assert_eq!(settings.source("executor.max-cpu-workers"), Some("overlay cpu-constrained"));
}

#[test]
fn a_mistyped_profile_has_a_nearest_one() {
    assert_eq!(nearest_profile("Medium"), Some("medium"));
    assert_eq!(nearest_profile("highperformance"), Some("high-performance"));
    assert_eq!(nearest_profile("xyz"), None);
}
