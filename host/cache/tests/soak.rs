//! Everything at once for as long as wanted: lookups, inserts, removals, entries that expire, loads that fail, panic
//! and are cancelled, under every policy, with capacities from a handful to plenty. After each step of each worker, and all along by
//! a thread of its own, the weight is compared with the capacity; between rounds, when nobody is at work, every
//! book is: the shards' own, the values alive, what the listener heard.
//!
//! `just soak` runs ten minutes, `HOST_SOAK_SECONDS=N` with `--ignored` N seconds (ten by default), and a plain
//! `cargo test` a second and a half. `HOST_SOAK_SEED` picks other sequences of operations; how the threads meet is
//! the machine's affair.
#![expect(
    clippy::unwrap_used,
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "a test: a panic is its failure, its numbers are its own"
)]

use host_cache::{Cache, Cause, Outcome, builtin};
use host_contract::split_mix::mix;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

const KEYS: u64 = 8_000;
const WORKERS: u64 = 3;
const CAPACITIES: [u64; 5] = [20_000, 2_000, 500, 60, 9_000];
const GREATEST: u64 = 20_000;
/// The heaviest value; over a shard's share when the capacity is small, so that some are refused.
const HEAVIEST: u64 = 32;
/// How long everybody works before the books are compared.
const ROUND: Duration = Duration::from_millis(500);

/// What is alive of the values: made less dropped, wherever they are.
#[derive(Debug, Default)]
struct Alive {
    pages: AtomicI64,
    weight: AtomicI64,
}

/// A value that says which key it belongs to.
#[derive(Debug)]
struct Page {
    key: u64,
    weight: u64,
    /// From then on it must not be returned, in nanoseconds of the soak; set when its insert has returned.
    expires: AtomicU64,
    alive: Arc<Alive>,
}

impl Page {
    fn new(alive: &Arc<Alive>, key: u64, weight: u64) -> Arc<Self> {
        alive.pages.fetch_add(1, Ordering::Relaxed);
        alive.weight.fetch_add(weight as i64, Ordering::Relaxed);
        Arc::new(Self { key, weight, expires: AtomicU64::new(u64::MAX), alive: Arc::clone(alive) })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.alive.pages.fetch_sub(1, Ordering::Relaxed);
        self.alive.weight.fetch_sub(self.weight as i64, Ordering::Relaxed);
    }
}

/// How often each thing was done.
#[derive(Default)]
struct Tally {
    hits: AtomicU64,
    inserts: AtomicU64,
    mortals: AtomicU64,
    removals: AtomicU64,
    loads: AtomicU64,
    failed: AtomicU64,
    panicked: AtomicU64,
    cancelled: AtomicU64,
    switches: AtomicU64,
    resizes: AtomicU64,
    clears: AtomicU64,
    weighed: AtomicU64,
    checked: AtomicU64,
    heard: [AtomicU64; 5],
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Tally {
    fn counts(&self) -> [(&'static str, u64); 13] {
        [
            ("hits", &self.hits),
            ("inserts", &self.inserts),
            ("mortals", &self.mortals),
            ("removals", &self.removals),
            ("loads", &self.loads),
            ("failed", &self.failed),
            ("panicked", &self.panicked),
            ("cancelled", &self.cancelled),
            ("switches", &self.switches),
            ("resizes", &self.resizes),
            ("clears", &self.clears),
            ("weighed", &self.weighed),
            ("checked", &self.checked),
        ]
        .map(|(name, counter)| (name, read(counter)))
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.counts().iter().try_for_each(|(name, count)| write!(f, "{count} {name}, "))?;
        [Cause::Evicted, Cause::Replaced, Cause::Removed, Cause::Refused, Cause::Expired]
            .iter()
            .try_for_each(|&cause| write!(f, "{} {cause:?}, ", read(&self.heard[cause as usize])))
    }
}

/// The capacity that binds now; while it changes, the greater of the two. The version counts the changes.
#[derive(Default)]
struct Limit {
    version: AtomicU64,
    bound: AtomicU64,
}

struct Soak {
    began: Instant,
    cache: Cache<u64, Arc<Page>>,
    alive: Arc<Alive>,
    tally: Arc<Tally>,
    limit: Limit,
    end: AtomicBool,
}

/// A sequence of numbers, different for each thread.
struct Sequence(u64);

impl Sequence {
    const fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0) % below
    }
}

impl Soak {
    fn new() -> Self {
        let tally = Arc::new(Tally::default());
        let heard = Arc::clone(&tally);
        let cache = Cache::builder(GREATEST)
            .shards(4)
            .weigher(|_: &u64, page: &Arc<Page>| page.weight)
            .listener(move |&key, page, cause| {
                assert_eq!(page.key, key, "told of another key's value");
                add(&heard.heard[cause as usize]);
            })
            .build();
        let limit = Limit { version: AtomicU64::new(0), bound: AtomicU64::new(GREATEST) };
        Self {
            began: Instant::now(),
            cache,
            alive: Arc::default(),
            tally,
            limit,
            end: AtomicBool::new(false),
        }
    }

    /// The weight is never over the capacity that binds.
    fn weigh(&self) {
        let version = self.limit.version.load(Ordering::SeqCst);
        let bound = self.limit.bound.load(Ordering::SeqCst);
        let weight = self.cache.weight();
        assert!(weight <= GREATEST, "{weight} is over every capacity that was ever set");
        // While the capacity changed in between, only that is known.
        if self.limit.version.load(Ordering::SeqCst) == version {
            assert!(weight <= bound, "{weight} is over {bound}");
            add(&self.tally.weighed);
        }
    }

    fn resize(&self, capacity: u64) {
        self.limit.bound.store(capacity.max(self.cache.capacity()), Ordering::SeqCst);
        // Before the cache may grow: a weight over the old bound then comes with a new version.
        self.limit.version.fetch_add(1, Ordering::SeqCst);
        self.cache.set_capacity(capacity);
        self.limit.bound.store(capacity, Ordering::SeqCst);
        // This is the only thread that resizes: from here on the new limit holds.
        assert!(self.cache.weight() <= capacity && self.cache.capacity() == capacity);
        add(&self.tally.resizes);
    }

    fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    fn found(page: &Page, key: u64) {
        assert_eq!(page.key, key, "the value of another key");
    }

    fn work(&self, sequence: &mut Sequence) {
        let key = sequence.next(KEYS) * sequence.next(KEYS) / KEYS;
        let weight = 1 + sequence.next(HEAVIEST);
        match sequence.next(32) {
            0 => {
                if let Some(page) = self.cache.remove(&key) {
                    Self::found(&page, key);
                    add(&self.tally.removals);
                }
            }
            1 | 2 => {
                if self.cache.insert(key, Page::new(&self.alive, key, weight)) != Outcome::Refused {
                    add(&self.tally.inserts);
                }
            }
            3 => {
                let (page, ttl) =
                    (Page::new(&self.alive, key, weight), Duration::from_micros(sequence.next(5_000)));
                if self.cache.insert_with_ttl(key, Arc::clone(&page), ttl) != Outcome::Refused {
                    add(&self.tally.mortals);
                }
                page.expires.store(self.now() + ttl.as_nanos() as u64, Ordering::SeqCst);
            }
            4..9 => {
                let asked = self.now();
                if let Some(page) = self.cache.get(&key) {
                    Self::found(&page, key);
                    let expires = page.expires.load(Ordering::SeqCst);
                    assert!(asked < expires, "asked at {asked} ns, served what expired at {expires}");
                    add(&self.tally.hits);
                }
            }
            9 => self.cancel(key),
            _ => self.load(key, weight, sequence.next(16)),
        }
    }

    /// Reads through with a loader that fails (fate 0) or panics (fate 1).
    fn load(&self, key: u64, weight: u64, fate: u64) {
        let load = || match fate {
            0 => Err("no such page"),
            1 => resume_unwind(Box::new("loader")), // no message on the test's output
            _ => Ok(Page::new(&self.alive, key, weight)),
        };
        let loaded = catch_unwind(AssertUnwindSafe(|| self.cache.get_or_try_insert_with(key, load)));
        let counter = match loaded {
            Ok(Ok((page, _))) => {
                Self::found(&page, key);
                &self.tally.loads
            }
            Ok(Err(_)) => &self.tally.failed,
            Err(_) => &self.tally.panicked,
        };
        add(counter);
    }

    /// Reads through as a task whose load never ends, and drops it.
    fn cancel(&self, key: u64) {
        let never = std::future::pending::<Result<Arc<Page>, ()>>();
        let asking = pin!(self.cache.get_or_try_insert_async(key, never));
        match asking.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(found) => Self::found(&found.unwrap().0, key),
            Poll::Pending => add(&self.tally.cancelled),
        }
    }

    /// One round: everybody works until time is up.
    fn round(&self, time: Duration, sequences: &mut [Sequence]) {
        self.end.store(false, Ordering::SeqCst);
        thread::scope(|threads| {
            let mut sequences = sequences.iter_mut();
            for switcher in 0..2 {
                let sequence = sequences.next().unwrap();
                threads.spawn(move || {
                    while !self.end.load(Ordering::Relaxed) {
                        let kind = &builtin::ALL[sequence.next(builtin::ALL.len() as u64) as usize];
                        self.cache.set_policy(kind);
                        add(&self.tally.switches);
                        if switcher == 0 {
                            self.resize(CAPACITIES[sequence.next(CAPACITIES.len() as u64) as usize]);
                        } else if sequence.next(100) == 0 {
                            self.cache.clear();
                            add(&self.tally.clears);
                        } else if sequence.next(20) == 0 {
                            self.cache.purge_expired();
                        }
                        // Long enough for a policy and a capacity to have their effect.
                        thread::sleep(Duration::from_micros(sequence.next(2_000)));
                    }
                });
            }
            for sequence in sequences {
                threads.spawn(move || {
                    while !self.end.load(Ordering::Relaxed) {
                        self.work(sequence);
                        self.weigh();
                    }
                });
            }
            threads.spawn(|| {
                let mut turn = 0u64;
                while !self.end.load(Ordering::Relaxed) {
                    self.weigh();
                    turn += 1;
                    if turn.is_multiple_of(256) {
                        self.cache.check().unwrap();
                        add(&self.tally.checked);
                    }
                    thread::yield_now();
                }
            });
            thread::sleep(time);
            self.end.store(true, Ordering::SeqCst);
        });
    }

    /// With nobody at work, every book says the same.
    fn balance(&self) {
        self.cache.check().unwrap();
        let stats = self.cache.stats();
        assert_eq!(self.alive.pages.load(Ordering::SeqCst), stats.entries as i64, "values alive: {stats:?}");
        assert_eq!(self.alive.weight.load(Ordering::SeqCst), stats.weight as i64, "their weight: {stats:?}");
        let heard = |cause: Cause| read(&self.tally.heard[cause as usize]);
        assert_eq!(heard(Cause::Evicted), stats.evictions, "{stats:?}");
        assert_eq!(heard(Cause::Refused), stats.refused, "{stats:?}");
        assert_eq!(heard(Cause::Expired), stats.expired, "{stats:?}");
        let left =
            [Cause::Evicted, Cause::Replaced, Cause::Removed, Cause::Expired].map(heard).iter().sum::<u64>();
        assert_eq!(stats.insertions - left, stats.entries, "stored less removed: {stats:?}");
        self.cache.for_each(|&key, page| Self::found(page, key));
    }
}

fn soak_for(time: Duration) {
    let seed = std::env::var("HOST_SOAK_SEED").map_or(1, |seed| seed.parse::<u64>().unwrap());
    let soak = Soak::new();
    let mut sequences: Vec<Sequence> =
        (0..2 + WORKERS).map(|thread| Sequence(mix(seed.wrapping_add(thread)))).collect();
    let began = Instant::now();
    let mut rounds = 0;
    while began.elapsed() < time {
        soak.round(ROUND.min(time), &mut sequences);
        soak.balance();
        rounds += 1;
    }
    println!("seed {seed}, {rounds} rounds in {:?}: {}", began.elapsed(), soak.tally);
    for (what, count) in soak.tally.counts() {
        // A clear is rare: one in a hundred switches, which a short run may not come to.
        assert!(count > 0 || what == "clears", "{what}: never");
    }
    soak.cache.clear();
    assert_eq!(soak.alive.pages.load(Ordering::SeqCst), 0, "values outlived the cache's entries");
}

#[test]
fn soak_briefly() {
    soak_for(Duration::from_millis(1_500));
}

#[test]
#[ignore = "as long as HOST_SOAK_SECONDS says, ten seconds by default; run by .ci/run and `just soak`"]
fn soak() {
    let seconds = std::env::var("HOST_SOAK_SECONDS").map_or(10, |seconds| seconds.parse().unwrap());
    soak_for(Duration::from_secs(seconds));
}
