//! The chain: what falls, what rises, and that nothing older comes back.
#![expect(clippy::unwrap_used, reason = "a test: a panic is its failure")]

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use host_tier::{
    Answer, Chain, ChainConfig, Clock, Coding, Disk, DiskConfig, Item, Link, Tier, TierError, TierStats,
    Warm, WarmConfig,
};
use parking_lot::Mutex;
use rand::{RngExt as _, SeedableRng as _};
use tokio::sync::Semaphore;

const MIB: u64 = 1 << 20;

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

fn warm(capacity: u64) -> Arc<Warm> {
    Arc::new(Warm::new(WarmConfig { capacity, coding: Coding::None }, Clock::system()))
}

fn disk(folder: &tempfile::TempDir, bytes: u64) -> Arc<Disk> {
    let config = DiskConfig { region: 64 * 1024, ..DiskConfig::new(folder.path(), bytes) };
    Arc::new(Disk::open(&config, Clock::system()).unwrap())
}

fn item(key: &str, value: &str) -> Item {
    Item::new(key.to_owned(), value.to_owned())
}

async fn value(chain: &Chain, key: &str) -> Option<String> {
    let item = chain.get(key.as_bytes()).await?;
    Some(String::from_utf8(item.value.to_vec()).unwrap())
}

async fn remove(chain: &Chain, key: &[u8]) -> Result<(), TierError> {
    match chain.remove(key) {
        Some(removal) => removal.await,
        None => Ok(()),
    }
}

async fn holds(tier: &dyn Tier, key: &str) -> bool {
    tier.get(key.as_bytes()).await.unwrap().is_some()
}

/// A tier of a map, whose puts wait for permits, and which fails when it is told to.
struct Gated {
    items: Mutex<HashMap<Vec<u8>, Item>>,
    permits: Semaphore,
    failing: AtomicBool,
    asked: AtomicU64,
}

impl Gated {
    fn new(permits: usize) -> Arc<Self> {
        let items = Mutex::default();
        Arc::new(Self {
            items,
            permits: Semaphore::new(permits),
            failing: AtomicBool::new(false),
            asked: AtomicU64::new(0),
        })
    }

    fn outcome<T>(&self, value: T) -> Result<T, TierError> {
        if self.failing.load(SeqCst) { Err(TierError::Stopped { tier: "gated" }) } else { Ok(value) }
    }
}

impl Tier for Gated {
    fn name(&self) -> &'static str {
        "gated"
    }

    fn get<'a>(&'a self, key: &'a [u8]) -> Answer<'a, Option<Item>> {
        Box::pin(async move {
            self.asked.fetch_add(1, SeqCst);
            self.outcome(self.items.lock().get(key).cloned())
        })
    }

    fn put(&self, item: Item) -> Answer<'_, ()> {
        Box::pin(async move {
            self.permits.acquire().await.unwrap().forget();
            self.items.lock().insert(item.key.to_vec(), item);
            self.outcome(())
        })
    }

    fn remove<'a>(&'a self, key: &'a [u8]) -> Answer<'a, ()> {
        Box::pin(async move {
            self.items.lock().remove(key);
            self.outcome(())
        })
    }

    fn clear(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.items.lock().clear();
            self.outcome(())
        })
    }

    fn stats(&self) -> TierStats {
        TierStats::default()
    }
}

#[test]
fn what_memory_evicts_falls_from_tier_to_tier_and_rises_when_it_is_asked_for() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let (warm, disk) = (warm(64 * 1024), disk(&folder, MIB));
        let links = vec![Link::exclusive(warm.clone()), Link::inclusive(disk.clone())];
        let chain = Chain::new(links, ChainConfig::default(), Clock::system());
        for number in 0..300 {
            let stamp = chain.stamp();
            chain.demote(item(&format!("key {number}"), &"x".repeat(1_000)), stamp);
        }
        chain.drained().await;
        let stats = chain.stats();
        assert_eq!((stats.dropped, stats.overtaken, stats.failed), (0, 0, 0));
        let entries: Vec<u64> = stats.tiers.iter().map(|(_, stats)| stats.entries).collect();
        assert_eq!(stats.demoted, 300 + stats.tiers[0].1.evictions);
        assert_eq!(entries.iter().sum::<u64>(), 300, "each is in one of them");
        assert!(entries[0] > 20 && entries[1] > 200, "{entries:?}");
        let mut rose = 0;
        for number in 0..300 {
            let key = format!("key {number}");
            let was_warm = holds(&*warm, &key).await;
            assert!(value(&chain, &key).await.is_some(), "{key}");
            assert!(!holds(&*warm, &key).await, "it counts in memory from now on");
            assert_eq!(holds(&*disk, &key).await, !was_warm, "the disk keeps its copies");
            rose += u64::from(was_warm);
        }
        assert_eq!((rose, warm.stats().entries), (entries[0], 0));
        assert_eq!(value(&chain, "another").await, None);
    });
}

#[test]
fn an_item_on_its_way_is_found_and_a_full_queue_drops_the_oldest_without_waiting() {
    block_on(async {
        let gated = Gated::new(0);
        let config = ChainConfig { queue: 10_000, ..ChainConfig::default() };
        let chain = Chain::new(vec![Link::exclusive(gated.clone())], config, Clock::system());
        for number in 0..1_000 {
            chain.demote(item(&format!("key {number}"), &"x".repeat(700)), chain.stamp());
        }
        let stats = chain.stats();
        assert!(stats.queued_bytes <= 10_000 && stats.queued >= 10, "{stats:?}");
        // One may be with the worker.
        assert!(stats.dropped + stats.queued + 1 >= 1_000, "{stats:?}");
        assert!(value(&chain, "key 999").await.is_some());
        assert_eq!(value(&chain, "key 999").await, None, "it is in memory now, and nowhere else");
        assert_eq!(value(&chain, "key 500").await, None);
        gated.permits.add_permits(1_000);
        chain.drained().await;
        assert!(gated.items.lock().contains_key(b"key 998".as_slice()));
        assert!(!gated.items.lock().contains_key(b"key 999".as_slice()));
    });
}

#[test]
fn a_demotion_that_is_being_written_does_not_come_after_a_removal_or_a_put() {
    block_on(async {
        for put in [false, true] {
            let gated = Gated::new(0);
            let chain =
                Chain::new(vec![Link::exclusive(gated.clone())], ChainConfig::default(), Clock::system());
            chain.demote(item("key", "old"), chain.stamp());
            // The worker is in the middle of it.
            while chain.stats().queued > 0 {
                tokio::task::yield_now().await;
            }
            let change = async {
                if put { chain.put(item("key", "new")).await } else { remove(&chain, b"key").await }.unwrap();
            };
            let open = async { gated.permits.add_permits(1) };
            tokio::join!(change, open);
            chain.drained().await;
            assert_eq!((value(&chain, "key").await, gated.items.lock().len()), (None, 0));
        }
    });
}

#[test]
fn writes_behind_are_not_waited_for_by_those_who_write_and_are_by_those_who_read() {
    block_on(async {
        let gated = Gated::new(1);
        let config = ChainConfig { write_behind: 1, ..ChainConfig::default() };
        let chain = Chain::new(vec![Link::shared(gated.clone())], config, Clock::system());
        chain.put(item("key", "old")).await.unwrap();
        // The last thing that it lets go of.
        while chain.has_changed_since(b"key", chain.stamp()) {
            tokio::task::yield_now().await;
        }
        let before = chain.stamp();
        chain.put(item("key", "new")).await.unwrap();
        assert!(chain.has_changed_since(b"key", before), "it is on its way");
        let mut read = std::pin::pin!(value(&chain, "key"));
        let early = tokio::time::timeout(Duration::from_millis(20), read.as_mut()).await;
        assert!(early.is_err(), "the older value is not read meanwhile: {early:?}");
        // One more than may be on its way.
        let mut second = std::pin::pin!(chain.put(item("other", "value")));
        assert!(tokio::time::timeout(Duration::from_millis(20), second.as_mut()).await.is_err());
        gated.permits.add_permits(2);
        second.await.unwrap();
        assert_eq!(read.await.as_deref(), Some("new"));
        assert_eq!(value(&chain, "other").await.as_deref(), Some("value"));
    });
}

#[test]
fn a_demotion_that_is_told_too_late_is_dropped_by_its_stamp_and_a_later_one_is_not() {
    block_on(async {
        let warm = warm(MIB);
        let chain = Chain::new(vec![Link::exclusive(warm.clone())], ChainConfig::default(), Clock::system());
        for change in 0..3 {
            let before = chain.stamp();
            match change {
                0 => remove(&chain, b"key").await.unwrap(),
                1 => chain.put(item("key", "new")).await.unwrap(),
                _ => chain.clear().await.unwrap(),
            }
            chain.demote(item("key", "old"), before);
            chain.drained().await;
            assert_eq!(value(&chain, "key").await, None);
        }
        assert_eq!(chain.stats().overtaken, 3);
        chain.demote(item("key", "new"), chain.stamp());
        chain.drained().await;
        assert!(holds(&*warm, "key").await);
        assert_eq!(value(&chain, "key").await.as_deref(), Some("new"));
    });
}

#[test]
fn a_shared_tier_has_what_is_put_in_the_order_of_the_calls_and_local_tiers_forget_it() {
    block_on(async {
        let (warm, shared) = (warm(MIB), Gated::new(1_000));
        let folder = tempfile::tempdir().unwrap();
        let disk = disk(&folder, MIB);
        let links =
            vec![Link::exclusive(warm.clone()), Link::inclusive(disk.clone()), Link::shared(shared.clone())];
        let chain = Chain::new(links, ChainConfig::default(), Clock::system());
        chain.demote(item("key", "old"), chain.stamp());
        chain.drained().await;
        disk.put(item("key", "older")).await.unwrap();
        chain.put(item("key", "new")).await.unwrap();
        assert!(!holds(&*warm, "key").await && !holds(&*disk, "key").await);
        assert_eq!(value(&chain, "key").await.as_deref(), Some("new"));
        chain.drained().await;
        assert!(holds(&*disk, "key").await, "a copy nearer by");
        assert_eq!(chain.stats().promoted, 1);
        // Called first, and polled last.
        let first = chain.put(item("key", "first"));
        let second = chain.put(item("key", "second"));
        second.await.unwrap();
        first.await.unwrap();
        let found = value(&chain, "key").await;
        assert!(found.as_deref() != Some("first") && found.as_deref() != Some("new"), "{found:?}");
        remove(&chain, b"key").await.unwrap();
        assert_eq!(value(&chain, "key").await, None);
    });
}

#[test]
fn a_tier_that_fails_is_passed_over_and_counted() {
    block_on(async {
        let (gated, warm) = (Gated::new(1_000), warm(MIB));
        let links = vec![Link::inclusive(gated.clone()), Link::exclusive(warm.clone())];
        let chain = Chain::new(links, ChainConfig::default(), Clock::system());
        warm.put(item("key", "value")).await.unwrap();
        gated.failing.store(true, SeqCst);
        assert_eq!(value(&chain, "key").await.as_deref(), Some("value"));
        assert!(remove(&chain, b"key").await.is_err());
        warm.put(item("other", "value")).await.unwrap();
        assert!(remove(&chain, b"other").await.is_err());
        assert!(!holds(&*warm, "other").await, "the others were told all the same");
        chain.drained().await;
        assert!(chain.stats().failed >= 3);
    });
}

#[test]
fn keys_that_no_tier_has_are_remembered_until_they_are_put_or_their_time_is_over() {
    block_on(async {
        let time = Arc::new(AtomicU64::new(1_000));
        let clock = {
            let time = Arc::clone(&time);
            Clock::new(move || Duration::from_secs(time.load(SeqCst)))
        };
        let gated = Gated::new(1_000);
        let config = ChainConfig { negative: Some((100, Duration::from_secs(10))), ..ChainConfig::default() };
        let chain = Chain::new(vec![Link::shared(gated.clone())], config, clock);
        for _ in 0..5 {
            assert_eq!(value(&chain, "key").await, None);
        }
        assert_eq!((gated.asked.load(SeqCst), chain.stats().negative_hits), (1, 4));
        time.fetch_add(10, SeqCst);
        assert_eq!(value(&chain, "key").await, None);
        assert_eq!(gated.asked.load(SeqCst), 2);
        chain.put(item("key", "value")).await.unwrap();
        assert_eq!(value(&chain, "key").await.as_deref(), Some("value"));
        // What could not be asked may be there.
        gated.failing.store(true, SeqCst);
        assert_eq!((value(&chain, "other").await, value(&chain, "other").await), (None, None));
        assert_eq!(gated.asked.load(SeqCst), 5);
    });
}

#[test]
fn a_chain_of_nothing_has_nothing() {
    block_on(async {
        let chain = Chain::new(Vec::new(), ChainConfig::default(), Clock::system());
        chain.demote(item("key", "value"), chain.stamp());
        chain.put(item("key", "value")).await.unwrap();
        assert_eq!(value(&chain, "key").await, None);
        chain.drained().await;
    });
}

/// A cache in memory as the chain expects one: it lets go of entries under its lock, and tells of them later.
#[derive(Default)]
struct Memory(Mutex<HashMap<u32, Item>>);

impl Memory {
    /// Room for so many.
    const ENTRIES: usize = 12;

    fn insert(&self, key: u32, item: Item) -> Vec<Item> {
        let mut items = self.0.lock();
        items.insert(key, item);
        let mut evicted = Vec::new();
        while items.len() > Self::ENTRIES {
            let victim = items.keys().find(|victim| **victim != key).copied().unwrap();
            evicted.extend(items.remove(&victim));
        }
        evicted
    }
}

/// One of several tasks, with keys of its own; evicting is everybody's.
async fn change_and_look(chain: Arc<Chain>, memory: Arc<Memory>, task: u32, rounds: u32) -> u64 {
    let mut random = rand_pcg::Pcg64::seed_from_u64(u64::from(task));
    let mut newest: HashMap<u32, String> = HashMap::new();
    let mut found_below = 0;
    let tell = async |evicted: Vec<Item>, stamp, late: bool| {
        if late {
            tokio::task::yield_now().await;
        }
        evicted.into_iter().for_each(|item| chain.demote(item, stamp));
    };
    for round in 0..rounds {
        let key = task * 100 + random.random_range(0..20);
        let name = key.to_string();
        if round % 10 == 0 {
            // Time for what is in the queue to get where it goes.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        match random.random_range(0..10) {
            0..3 => {
                let text = format!("{round} ").repeat(random.random_range(1..200));
                let stamp = chain.stamp();
                let evicted = memory.insert(key, item(&name, &text));
                let change = chain.put(item(&name, &text));
                tell(evicted, stamp, random.random_bool(0.5)).await;
                change.await.unwrap();
                newest.insert(key, text);
            }
            3 => {
                memory.0.lock().remove(&key);
                remove(&chain, name.as_bytes()).await.unwrap();
                newest.remove(&key);
            }
            _ => {
                let stamp = chain.stamp();
                let in_memory = memory.0.lock().get(&key).cloned();
                let found = match in_memory {
                    Some(item) => Some(item),
                    None => {
                        let found = chain.get(name.as_bytes()).await;
                        found_below += u64::from(found.is_some());
                        if let Some(item) = &found {
                            let evicted = memory.insert(key, item.clone());
                            tell(evicted, stamp, random.random_bool(0.5)).await;
                        }
                        found
                    }
                };
                let found = found.map(|item| String::from_utf8(item.value.to_vec()).unwrap());
                assert!(found.is_none() || found.as_ref() == newest.get(&key), "key {key}, round {round}");
            }
        }
    }
    found_below
}

#[test]
fn many_at_once_never_find_anything_but_the_newest() {
    block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let links = vec![
            Link::exclusive(warm(64 * 1024)),
            Link::inclusive(disk(&folder, MIB)),
            Link::shared(Gated::new(1_000_000)),
        ];
        let chain = Arc::new(Chain::new(links, ChainConfig::default(), Clock::system()));
        let memory = Arc::<Memory>::default();
        let tasks: Vec<_> = (0..6)
            .map(|task| tokio::spawn(change_and_look(Arc::clone(&chain), Arc::clone(&memory), task, 3_000)))
            .collect();
        let mut found_below = 0;
        for task in tasks {
            found_below += task.await.unwrap();
        }
        chain.drained().await;
        println!(
            "{found_below} found below memory; {:?}",
            chain.stats().tiers.iter().map(|(name, s)| (*name, s.hits)).collect::<Vec<_>>()
        );
        assert!(found_below > 1_000, "{found_below}");
    });
}
