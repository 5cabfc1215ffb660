//! How long entries live.
//!
//! An entry may have a time to live, counted from its insert, and a time to be idle, counted from its last use.
//! One whose time is over is never returned. It is removed by the lookup that finds it, by the inserts that come
//! by (each looks at a few slots), or by [`Cache::purge_expired`](super::Cache::purge_expired); until then it
//! takes up its place.
//!
//! Lifetimes lie apart from the entries, in nanoseconds on the cache's clock, and a shard keeps them only once it has
//! an entry with one: a cache without lifetimes reads no clock.

use crate::sync::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The end of a lifetime without end.
pub(super) const NEVER: u64 = u64::MAX;

/// Where a cache's time comes from: the time since some moment that stays the same.
///
/// It is read within the lock of a lookup, by caches that have lifetimes: it should be quick, and must not use the
/// cache. Time that runs backwards makes entries live longer, and does no other harm. Any closure that returns a
/// [`Duration`] is a clock.
///
/// ```
/// use host_cache::Cache;
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// let seconds = Arc::new(AtomicU64::new(0));
/// let clock = Arc::clone(&seconds);
/// let cache = Cache::builder(100)
///     .time_to_live(Duration::from_secs(60))
///     .clock(move || Duration::from_secs(clock.load(Ordering::Relaxed)))
///     .build();
/// cache.insert("token", 7);
/// seconds.store(59, Ordering::Relaxed);
/// assert_eq!(cache.get("token"), Some(7));
/// seconds.store(60, Ordering::Relaxed);
/// assert_eq!(cache.get("token"), None);
/// ```
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Duration;
}

impl<F: Fn() -> Duration + Send + Sync> Clock for F {
    fn now(&self) -> Duration {
        self()
    }
}

/// The machine's monotonic clock, from the moment the cache was built.
#[derive(Debug)]
pub(super) struct Monotonic(pub(super) Instant);

impl Clock for Monotonic {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// How long an entry lives that is [stored](super::Cache::insert_until) or [changed](super::Change). A time to be idle, where the
/// cache has [one](super::Builder::time_to_idle), holds beside each of them.
///
/// ```
/// use host_cache::{Cache, Life};
///
/// let cache = Cache::builder(100).build();
/// cache.insert_until("today", 1, Life::Until(cache.now()));
/// cache.insert_until("for ever", 2, Life::Endless);
/// assert_eq!((cache.get("today"), cache.get("for ever")), (None, Some(2)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// As entries live that are stored without a time of their own: see [`set_time_to_live`](super::Cache::set_time_to_live).
    /// It begins now.
    Default,
    /// As the entry has lived so far, up to the same moment. [`Default`](Self::Default) where there is none.
    Same,
    /// Without end.
    Endless,
    /// Up to this moment on the [cache's clock](super::Cache::now), in nanoseconds; without end from 584 years on. The entry is
    /// over its time at once where the moment has passed.
    Until(Duration),
}

/// What a cache goes by: its clock and the lifetimes that hold for every entry.
pub(super) struct Expiry {
    clock: Box<dyn Clock>,
    /// Nanoseconds, or [`NEVER`]. May change at any time; an insert goes by what it reads.
    live: AtomicU64,
    /// Nanoseconds, or [`NEVER`].
    idle: u64,
}

/// `None` is without end.
fn nanoseconds(duration: Option<Duration>) -> u64 {
    duration.map_or(NEVER, |duration| u64::try_from(duration.as_nanos()).unwrap_or(NEVER))
}

impl Expiry {
    pub(super) fn new(clock: Box<dyn Clock>, live: Option<Duration>, idle: Option<Duration>) -> Self {
        Self { clock, live: AtomicU64::new(nanoseconds(live)), idle: nanoseconds(idle) }
    }

    /// The time to live of entries that bring none of their own.
    pub(super) fn live(&self) -> Option<Duration> {
        let live = self.live.load(Ordering::Relaxed);
        (live != NEVER).then(|| Duration::from_nanos(live))
    }

    /// Changes [`live`](Self::live) for the entries inserted from now on.
    pub(super) fn set_live(&self, live: Option<Duration>) {
        self.live.store(nanoseconds(live), Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn now(&self) -> u64 {
        nanoseconds(Some(self.clock.now()))
    }

    /// The lifetime of an entry that is inserted now: `live` if it is given, else what holds for all. `None`
    /// where that has no end.
    #[inline]
    pub(super) fn begin(&self, live: Option<Duration>) -> Option<Lifetime> {
        let live = match live {
            Some(live) => nanoseconds(Some(live)),
            None => self.live.load(Ordering::Relaxed),
        };
        if live == NEVER && self.idle == NEVER {
            return None;
        }
        let now = self.now();
        let idle = AtomicU64::new(now.saturating_add(self.idle));
        Some(Lifetime { live: now.saturating_add(live), idle })
    }

    /// The lifetime of an entry that is stored now and lives as `life` says. `before` is the entry that it takes the place
    /// of, with its lifetime if it has one.
    pub(super) fn begin_as(&self, life: Life, before: Option<Option<&Lifetime>>) -> Option<Lifetime> {
        let live = match (life, before) {
            (Life::Default, _) | (Life::Same, None) => return self.begin(None),
            (Life::Same, Some(before)) => before.map_or(NEVER, |lifetime| lifetime.live),
            (Life::Endless, _) => NEVER,
            (Life::Until(moment), _) => nanoseconds(Some(moment)),
        };
        if self.idle == NEVER {
            return (live != NEVER).then(|| Lifetime { live, idle: AtomicU64::new(NEVER) });
        }
        Some(Lifetime { live, idle: AtomicU64::new(self.now().saturating_add(self.idle)) })
    }

    /// The lifetime of an entry that is not used and lives as `life` says from now on.
    pub(super) fn renew(&self, life: Life, before: Option<&Lifetime>) -> Option<Lifetime> {
        let idle = before.map_or(NEVER, |lifetime| lifetime.idle.load(Ordering::Relaxed));
        let live = self.begin_as(life, Some(before)).map_or(NEVER, |lifetime| lifetime.live);
        (live != NEVER || idle != NEVER).then(|| Lifetime { live, idle: AtomicU64::new(idle) })
    }

    /// The entry was used.
    #[inline]
    pub(super) fn touch(&self, lifetime: &Lifetime, now: u64) {
        if self.idle != NEVER {
            lifetime.idle.store(now.saturating_add(self.idle), Ordering::Relaxed);
        }
    }
}

/// When an entry's time is over: at the earlier of two moments on the cache's clock.
#[derive(Debug)]
pub(super) struct Lifetime {
    live: u64,
    /// Put off by lookups, which hold the store to read.
    idle: AtomicU64,
}

impl Lifetime {
    pub(super) const fn unlimited() -> Self {
        Self { live: NEVER, idle: AtomicU64::new(NEVER) }
    }

    /// The end of the time to live; `None` where it has none.
    #[inline]
    pub(super) fn until(&self) -> Option<Duration> {
        (self.live != NEVER).then(|| Duration::from_nanos(self.live))
    }

    #[inline]
    pub(super) fn is_expired(&self, now: u64) -> bool {
        // What has no end has none at the end of time either.
        let over = |end: u64| end <= now && end != NEVER;
        over(self.live) || over(self.idle.load(Ordering::Relaxed))
    }
}
