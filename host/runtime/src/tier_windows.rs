//! What the tiers did since the look before, as gauges.
//!
//! A tier counts from its start, and to ask it costs it some work. So it is asked a few times in a second, however many
//! ticks there are; in between the gauges have no value.

use std::time::Duration;

use host_contract::gauge::Values;
use host_contract::number::to_f64;
use host_tier::TierStats;

use crate::tiers::Tiers;

/// From look to look, at least.
const REST: Duration = Duration::from_millis(200);

/// What each tier had done at the last look.
#[derive(Debug, Default)]
pub(crate) struct TierWindows {
    looked: Option<Duration>,
    before: Vec<(&'static str, Counts)>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Counts {
    hits: u64,
    misses: u64,
    /// Time of all lookups.
    us: f64,
}

impl TierWindows {
    /// The gauges of the window that ends at `now`; none where it would be too short.
    pub(crate) fn look(&mut self, now: Duration, tiers: &Tiers) -> Values {
        if self.looked.is_some_and(|looked| now.saturating_sub(looked) < REST) {
            return Values::new();
        }
        self.looked = Some(now);
        let all = tiers.stats().tiers;
        all.iter().flat_map(|(name, stats)| self.window(name, stats)).collect()
    }

    fn window(&mut self, tier: &'static str, stats: &TierStats) -> Vec<(&'static str, f64)> {
        let lookups = stats.get_latency.percentiles();
        let now =
            Counts { hits: stats.hits, misses: stats.misses, us: lookups.mean_us * to_f64(lookups.count) };
        let known = self.before.iter_mut().find(|(known, _)| *known == tier);
        let before = match known {
            Some((_, counts)) => std::mem::replace(counts, now),
            None => {
                self.before.push((tier, now));
                Counts::default()
            }
        };
        let (hits, misses) = (now.hits.saturating_sub(before.hits), now.misses.saturating_sub(before.misses));
        let lookups = hits + misses;
        let latency = (lookups > 0).then(|| (now.us - before.us).max(0.0) / to_f64(lookups));
        let (hits, misses) = (to_f64(hits), to_f64(misses));
        let (bytes, entries) = (to_f64(stats.bytes), to_f64(stats.entries));
        let mut gauges = match tier {
            "warm" => vec![
                ("warm-hits", hits),
                ("warm-misses", misses),
                ("warm-bytes", bytes),
                ("warm-entries", entries),
            ],
            "disk" => vec![("disk-hits", hits), ("disk-misses", misses), ("disk-bytes", bytes)],
            _ => vec![("remote-hits", hits), ("remote-misses", misses)],
        };
        let name = match tier {
            "warm" => "warm-latency",
            "disk" => "disk-latency",
            _ => "remote-latency",
        };
        gauges.extend(latency.map(|latency| (name, latency)));
        gauges
    }
}

#[cfg(test)]
mod tests {
    use host_contract::Latency;

    use super::*;

    fn stats(hits: u64, misses: u64, us: u64) -> TierStats {
        let mut get_latency = Latency::new();
        get_latency.record_many(Duration::from_micros(us), hits + misses);
        TierStats { hits, misses, bytes: 700, entries: 7, get_latency, ..TierStats::default() }
    }

    #[test]
    fn a_window_has_what_came_since_the_look_before() {
        let mut windows = TierWindows::default();
        let of = |gauges: Vec<(&'static str, f64)>, name| {
            gauges.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
        };
        let first = windows.window("warm", &stats(3, 1, 10));
        assert_eq!(
            (of(first.clone(), "warm-hits"), of(first.clone(), "warm-misses")),
            (Some(3.0), Some(1.0))
        );
        assert!((of(first.clone(), "warm-latency").unwrap() - 10.0).abs() < 0.2);
        assert_eq!((of(first.clone(), "warm-bytes"), of(first, "warm-entries")), (Some(700.0), Some(7.0)));
        // Four more at 30 us: the mean of all eight is 20.
        let second = windows.window("warm", &stats(7, 1, 20));
        assert_eq!(of(second.clone(), "warm-hits"), Some(4.0));
        assert!((of(second, "warm-latency").unwrap() - 30.0).abs() < 0.5);
        let idle = windows.window("warm", &stats(7, 1, 20));
        assert_eq!((of(idle.clone(), "warm-hits"), of(idle, "warm-latency")), (Some(0.0), None));
        // Tiers do not mix.
        assert_eq!(of(windows.window("disk", &stats(5, 0, 1)), "disk-hits"), Some(5.0));
    }
}
