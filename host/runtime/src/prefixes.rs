//! Prefixes of keys that are watched: what the shadows say of the keys that begin with each.
//!
//! Requests are asked which prefixes their key has only where the shadows follow them, which bounds what that costs: a look at
//! [`MOST`] prefixes, for a bounded number of requests a second. The others do not even look whether there is one.
//!
//! A prefix has the number of a group of the shadows. One that nobody watches any more gives its number back once nothing that was
//! queued for the shadows has it. A request that was just being offered may still count for the next prefix of that number.

use arc_swap::ArcSwap;
use host_cache::{GroupEstimate, Groups, Shadows};
use host_contract::snapshot::Shadow;
use parking_lot::Mutex;

/// Prefixes that may be watched at once.
const MOST: u32 = Groups::MOST;

/// Bytes of a prefix.
const LONGEST: usize = 1_024;

/// Why a prefix is not watched.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// So many are watched already.
    #[error("{MOST} prefixes are watched already: {}; forget one of them first", .0.join(", "))]
    TooMany(Vec<String>),
    /// It is no prefix, or none that anybody needs.
    #[error("expected a prefix of 1 to {LONGEST} bytes, got {0} bytes")]
    Length(usize),
}

/// A watched prefix.
#[derive(Debug, Clone)]
struct Watched {
    prefix: Box<[u8]>,
    number: u32,
    /// Another one each time, also of the same prefix.
    serial: u64,
}

#[derive(Debug, Default)]
struct Changes {
    serial: u64,
    /// Numbers whose groups begin with the next samples.
    begun: Vec<u32>,
    /// Numbers that samples in the queue may have, and no prefix has any more.
    leaving: Vec<u32>,
    /// What the shadows said at the last tick, by serial.
    rows: Vec<(u64, Vec<Shadow>)>,
}

/// The watched prefixes of a host.
#[derive(Debug, Default)]
pub(crate) struct Prefixes {
    watched: ArcSwap<Vec<Watched>>,
    /// Held for every change of `watched`, and never by a request.
    changes: Mutex<Changes>,
}

impl Prefixes {
    /// The groups of the prefixes that a key has.
    pub(crate) fn groups(&self, key: &[u8]) -> Groups {
        let watched = self.watched.load();
        let has = |watched: &&Watched| key.starts_with(&watched.prefix);
        watched.iter().filter(has).fold(Groups::NONE, |all, watched| all | Groups::one(watched.number))
    }

    /// What the shadows said of the prefix at the last tick. None where it is watched from now on, or no tick was since.
    pub(crate) fn watch(&self, prefix: &[u8]) -> Result<Option<Vec<Shadow>>, PrefixError> {
        if prefix.is_empty() || prefix.len() > LONGEST {
            return Err(PrefixError::Length(prefix.len()));
        }
        let mut changes = self.changes.lock();
        let watched = self.watched.load_full();
        if let Some(known) = watched.iter().find(|watched| *watched.prefix == *prefix) {
            let rows = changes.rows.iter().find(|(serial, _)| *serial == known.serial);
            return Ok(rows.map(|(_, rows)| rows.clone()));
        }
        let taken = |number: &u32| {
            watched.iter().any(|watched| watched.number == *number) || changes.leaving.contains(number)
        };
        let Some(number) = (0..MOST).find(|number| !taken(number)) else {
            let names = watched.iter().map(|watched| watched.prefix.escape_ascii().to_string());
            return Err(PrefixError::TooMany(names.collect()));
        };
        changes.serial += 1;
        changes.begun.push(number);
        let new = Watched { prefix: prefix.into(), number, serial: changes.serial };
        self.watched.store(std::sync::Arc::new(watched.iter().cloned().chain([new]).collect()));
        Ok(None)
    }

    /// Watches a prefix no more. False where it was not watched.
    pub(crate) fn forget(&self, prefix: &[u8]) -> bool {
        let mut changes = self.changes.lock();
        let watched = self.watched.load_full();
        let Some(gone) = watched.iter().find(|watched| *watched.prefix == *prefix) else { return false };
        changes.leaving.push(gone.number);
        changes.begun.retain(|number| *number != gone.number);
        let left = watched.iter().filter(|watched| watched.serial != gone.serial).cloned().collect();
        self.watched.store(std::sync::Arc::new(left));
        true
    }

    /// Samples are about to be handed to the shadows.
    pub(crate) fn before_samples(&self, shadows: &mut Shadows) {
        for number in self.changes.lock().begun.drain(..) {
            shadows.begin_group(number);
        }
    }

    /// All samples that waited were handed to the shadows.
    pub(crate) fn after_samples(&self) {
        self.changes.lock().leaving.clear();
    }

    /// A tick: keeps what the shadows say.
    pub(crate) fn look(&self, shadows: &mut Shadows) {
        let mut changes = self.changes.lock();
        let watched = self.watched.load();
        // The group of one that has just begun may still be that of another one.
        let counted = watched.iter().filter(|watched| !changes.begun.contains(&watched.number));
        let rows = counted.map(|watched| {
            (watched.serial, shadows.group_estimates(watched.number).iter().map(row).collect())
        });
        changes.rows = rows.collect();
    }
}

fn row(estimate: &GroupEstimate) -> Shadow {
    Shadow {
        policy: estimate.policy.to_string(),
        capacity_factor: estimate.factor,
        capacity_bytes: estimate.capacity,
        sampling_rate: estimate.sampling_rate,
        requests: estimate.requests,
        misses: estimate.misses,
        ..Shadow::default()
    }
}

#[cfg(test)]
mod tests {
    use host_cache::{SampleTap, builtin};

    use super::*;

    fn request(tap: &SampleTap, prefixes: &Prefixes, key: &str, id: u64) {
        tap.offer_in(id, 1, || prefixes.groups(key.as_bytes()));
    }

    fn drain(tap: &SampleTap, prefixes: &Prefixes, shadows: &mut Shadows) {
        prefixes.before_samples(shadows);
        tap.drain_into(shadows, 0);
        prefixes.after_samples();
        prefixes.look(shadows);
    }

    fn seen(prefixes: &Prefixes, prefix: &str) -> Option<(u64, u64)> {
        let rows = prefixes.watch(prefix.as_bytes()).unwrap()?;
        Some((rows[0].requests, rows[0].misses))
    }

    #[test]
    fn a_prefix_is_counted_from_the_first_question_on_and_anew_after_it_was_forgotten() {
        let mut shadows = Shadows::new(&[builtin::LRU], &[1.0], 100, 1);
        let (tap, prefixes) = (shadows.tap(100), Prefixes::default());
        request(&tap, &prefixes, "user:1", 1);
        assert!(prefixes.watched.load().is_empty());
        assert_eq!(seen(&prefixes, "user:"), None);
        assert_eq!(seen(&prefixes, "user:1"), None);
        assert_eq!(seen(&prefixes, "user:"), None, "no tick was since");
        for (key, id) in [("user:1", 1), ("user:2", 2), ("used", 3), ("user:12", 4)] {
            request(&tap, &prefixes, key, id);
        }
        drain(&tap, &prefixes, &mut shadows);
        // The first request was before that, so that the second for its key is a hit.
        assert_eq!(seen(&prefixes, "user:"), Some((3, 2)));
        assert_eq!(seen(&prefixes, "user:1"), Some((2, 1)));
        assert!(prefixes.forget(b"user:") && !prefixes.forget(b"user:"));
        assert_eq!(seen(&prefixes, "user:"), None);
        request(&tap, &prefixes, "user:5", 5);
        drain(&tap, &prefixes, &mut shadows);
        assert_eq!((seen(&prefixes, "user:"), seen(&prefixes, "user:1")), (Some((1, 1)), Some((2, 1))));
    }

    #[test]
    fn as_many_are_watched_as_there_are_groups() {
        let mut shadows = Shadows::new(&[builtin::LRU], &[1.0], 100, 1);
        let (tap, prefixes) = (shadows.tap(100), Prefixes::default());
        for number in 0..MOST {
            assert_eq!(seen(&prefixes, &format!("{number:02}")), None);
        }
        let error = prefixes.watch(b"more").unwrap_err().to_string();
        assert!(error.starts_with("16 prefixes are watched already: 00, 01, "), "{error}");
        assert!(prefixes.forget(b"03"));
        assert!(prefixes.watch(b"more").is_err(), "samples in the queue may have its number");
        drain(&tap, &prefixes, &mut shadows);
        assert_eq!(prefixes.watch(b"more"), Ok(None));
        request(&tap, &prefixes, "more", 1);
        drain(&tap, &prefixes, &mut shadows);
        assert_eq!((seen(&prefixes, "more"), seen(&prefixes, "04")), (Some((1, 1)), Some((0, 0))));
    }

    #[test]
    fn a_prefix_has_a_length() {
        for length in [0, 1_025] {
            assert_eq!(Prefixes::default().watch(&vec![b'a'; length]), Err(PrefixError::Length(length)));
        }
        assert_eq!(Prefixes::default().watch(&[0; 1_024]), Ok(None));
    }
}
