//! How many jobs the memory has room for.
//!
//! Two things bound them. What jobs have held at most so far says how many fit into the memory that was free at the start; so a
//! batch of large jobs is held back before they have grown. And where memory runs short all the same the bound is what
//! runs, halved; it rises again by quarters once there is room. Pure: time and figures are handed in.

use std::time::{Duration, Instant};

use host_contract::number::to_f64;

/// Time between two steps up.
const REST: Duration = Duration::from_secs(1);
/// Jobs differ: each is taken for this much larger than the mean.
const MARGIN: f64 = 1.25;
/// Jobs above which nothing is bound.
const MOST: u32 = 65_536;

/// What there is to see.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    /// Memory that may still be taken: bytes. 0 where it is short.
    pub(super) room: f64,
    /// Jobs that run.
    pub(super) running: u32,
    /// What a job has held at most, on average: bytes. None before one has ended.
    pub(super) of_a_job: Option<u64>,
}

/// The bound.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// Room when nothing ran.
    at_start: Option<f64>,
    /// In force because memory ran short; none where it does not.
    short: Option<u32>,
    stepped: Option<Instant>,
    /// What was told last.
    told: Option<u32>,
}

impl Bound {
    /// The bound from here on with its reason, where it is another one than before.
    pub(super) fn look(&mut self, now: Instant, seen: &Seen) -> Option<(u32, String)> {
        let at_start = *self.at_start.get_or_insert(seen.room);
        let of_a_job = seen.of_a_job.map(|bytes| to_f64(bytes.max(1)) * MARGIN);
        // More may be free by now than there was then.
        let fit = of_a_job.map_or(MOST, |bytes| whole(at_start.max(seen.room) / bytes));
        let rested = self.stepped.is_none_or(|at| now.saturating_duration_since(at) >= REST);
        if seen.room <= 0.0 {
            let half = (seen.running / 2).max(1);
            if self.short.is_none_or(|short| half < short) {
                (self.short, self.stepped) = (Some(half), Some(now));
            }
        } else if rested && let Some(short) = self.short {
            let more = short.saturating_add((short / 4).max(1));
            (self.short, self.stepped) = ((more < fit).then_some(more), Some(now));
        }
        let most = fit.min(self.short.unwrap_or(MOST)).max(1);
        // A fit that no job is near says nothing, and moves with every job that ends.
        let bounds = most < MOST && most <= seen.running.saturating_mul(2).max(1);
        let tell = if bounds { most } else { u32::MAX };
        if self.told.unwrap_or(u32::MAX) == tell {
            return None;
        }
        self.told = Some(tell);
        let reason = match (self.short, of_a_job) {
            _ if !bounds => "there is memory for more again".to_owned(),
            (Some(_), _) => "memory is short".to_owned(),
            (None, Some(bytes)) => format!("a job takes up to {:.0} MB of memory", bytes / 1e6),
            (None, None) => "there is memory for no more".to_owned(),
        };
        Some((tell, reason))
    }
}

#[expect(clippy::as_conversions, reason = "the float is clamped to a range of u32 first")]
fn whole(jobs: f64) -> u32 {
    jobs.clamp(1.0, f64::from(MOST)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: f64 = 1e6;

    fn seen(room: f64, running: u32, of_a_job: Option<u64>) -> Seen {
        Seen { room, running, of_a_job }
    }

    #[test]
    fn large_jobs_are_bound_before_they_have_grown() {
        let (mut bound, now) = (Bound::default(), Instant::now());
        assert_eq!(bound.look(now, &seen(1000.0 * MB, 8, None)), None);
        let (most, reason) = bound.look(now, &seen(700.0 * MB, 8, Some(200_000_000))).unwrap();
        assert_eq!((most, reason.as_str()), (4, "a job takes up to 250 MB of memory"));
        assert_eq!(bound.look(now, &seen(400.0 * MB, 4, Some(200_000_000))), None);
        let (most, _) = bound.look(now, &seen(900.0 * MB, 4, Some(20_000_000))).unwrap();
        assert_eq!(most, u32::MAX, "small ones are not");
    }

    #[test]
    fn short_memory_halves_what_runs_and_gives_it_back_slowly() {
        let (mut bound, now) = (Bound::default(), Instant::now());
        let small = Some(1_000_000);
        assert_eq!(bound.look(now, &seen(100.0 * MB, 16, small)), None);
        assert_eq!(bound.look(now, &seen(0.0, 16, small)).unwrap().0, 8);
        assert_eq!(bound.look(now, &seen(0.0, 16, small)), None, "those that run end by themselves");
        assert_eq!(bound.look(now, &seen(0.0, 8, small)).unwrap().0, 4);
        assert_eq!(bound.look(now, &seen(0.0, 1, small)).unwrap().0, 1, "one always runs");
        let mut at = now;
        let mut bounds = Vec::new();
        for _ in 0..40 {
            at += REST;
            let running = bounds.last().copied().unwrap_or(1);
            bounds.extend(bound.look(at, &seen(500.0 * MB, running, small)).map(|(most, _)| most.min(100)));
        }
        assert_eq!(bounds.first(), Some(&2));
        assert!(bounds.is_sorted() && bounds.last() == Some(&100), "{bounds:?}");
    }

    #[test]
    fn no_room_at_all_leaves_one() {
        let (mut bound, now) = (Bound::default(), Instant::now());
        assert_eq!(bound.look(now, &seen(0.0, 0, None)).unwrap().0, 1);
    }
}
