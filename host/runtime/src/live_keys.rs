//! Which settings a running host takes up when they are reloaded, and which wait for the next start.

use host_profile::Settings;

/// The keys that [`Command::Reload`](crate::Command::Reload) puts in force. What a strategy may move, it moves on: a key that
/// says where something starts is for a start.
const LIVE: &[&str] = &[
    "cache.hit-ratio-target",
    "cache.max-capacity",
    "cache.max-ttl",
    "cache.min-capacity",
    "cache.min-ttl",
    "control.arbitration.",
    "control.cool-down-ticks",
    "control.judge",
    "control.tick",
    "executor.latency-target",
    "executor.max-cpu-workers",
    "executor.max-io-workers",
    "executor.min-cpu-workers",
    "executor.min-io-workers",
    "memory.cap",
    "memory.keep-free",
    "memory.pressure",
    "prefetch.max-in-flight-limit",
    "prefetch.max-rules",
    "prefetch.mode",
    // For people alone.
    "summary",
    "tiers.max-ttl",
    "tiers.min-ttl",
];

/// Of the keys that have another value in `after`, those that a running host takes up, and those that need a new start.
#[must_use]
pub fn reloadable<'a>(before: &'a Settings, after: &'a Settings) -> (Vec<&'a str>, Vec<&'a str>) {
    before.differing(after).into_iter().partition(|key| is_live(key))
}

/// A name that ends in a dot, or that several keys begin with, stands for all of them.
fn is_live(key: &str) -> bool {
    LIVE.iter().any(|live| match live.strip_suffix('.') {
        Some(_) => key.starts_with(live),
        None => key == *live || (*live == "control.judge" && key.starts_with("control.judge-")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_taken_up_and_the_starts_are_not() {
        let machine = host_telemetry::Machine::read(std::path::Path::new("."));
        let load = |sets: &[&str]| {
            let loader = host_profile::Loader::new().user_file(None).set(sets.iter().copied());
            loader.load(&machine).unwrap()
        };
        let before = load(&[]);
        for live in LIVE.iter().filter(|live| !live.ends_with('.')) {
            assert!(before.rows().iter().any(|row| row.key == *live), "{live} is no key");
        }
        let after = load(&[
            "control.tick=1s",
            "control.tick-requests=7",
            "control.judge-blocks=20",
            "control.arbitration.io-workers=mean",
            "serve.threads=3",
            "cache.policy=sieve",
        ]);
        let (live, later) = reloadable(&before, &after);
        assert_eq!(live, ["control.arbitration.io-workers", "control.judge-blocks", "control.tick"]);
        assert_eq!(later, ["cache.policy", "control.tick-requests", "serve.threads"]);
    }
}
