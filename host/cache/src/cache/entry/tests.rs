use crate::{Builder, Cache, Cause, Change, Fill, Life, Outcome, Packed, PackedValue, Served};
use host_contract::split_mix::mix;
use std::borrow::Borrow;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A key and its value in one allocation, known by the key.
#[derive(Debug, Clone)]
struct Named(Packed<String>);

impl Named {
    fn new(key: &[u8], value: &[u8]) -> Self {
        Self(Packed::of_bytes(false, key, value, 0))
    }

    fn value(&self) -> Vec<u8> {
        match self.0.value() {
            PackedValue::Bytes(bytes) => bytes.to_vec(),
            PackedValue::Body(text) => text.clone().into_bytes(),
        }
    }

    fn weight(&self) -> u64 {
        u64::try_from(self.0.key().len() + self.value().len()).unwrap_or(u64::MAX)
    }
}

impl Hash for Named {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().hash(state);
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        self.0.key() == other.0.key()
    }
}

impl Eq for Named {}

impl Borrow<[u8]> for Named {
    fn borrow(&self) -> &[u8] {
        self.0.key()
    }
}

impl From<&[u8]> for Named {
    fn from(key: &[u8]) -> Self {
        Self::new(key, b"")
    }
}

type Entries = Cache<Named, ()>;

fn read(cache: &Entries, key: &[u8]) -> Option<Vec<u8>> {
    cache.get_entry_with_by_id(cache.id(key), key, |entry, ()| entry.value())
}

#[test]
fn entries_are_read_changed_and_removed_by_a_borrowed_key() {
    let cache: Entries = Cache::builder(100).build();
    let key = &b"key"[..];
    assert_eq!(read(&cache, key), None);
    cache.insert(Named::new(key, b"one"), ());
    assert_eq!(read(&cache, key).as_deref(), Some(&b"one"[..]));
    assert_eq!(cache.insert(Named::new(key, b"two"), ()), Outcome::Replaced);
    let end = cache.now() + Duration::from_secs(60);
    cache.update_entry_by_id(cache.id(key), key, |_| (Change::Live(Life::Until(end)), ()));
    let peeked = cache.peek_entry_with(key, |entry, found| (entry.value(), found.until));
    assert_eq!(peeked, Some((b"two".to_vec(), Some(end))));
    let (old, outcome) = cache.update_entry_by_id(cache.id(key), key, |found| {
        let old = found.map(|(entry, _)| entry.value());
        (Change::Store((Named::new(key, b"three"), ()), Life::Same), old)
    });
    assert_eq!((old, outcome), (Some(b"two".to_vec()), Some(Outcome::Replaced)));
    let found = cache.peek_entry_with(key, |entry, found| (entry.value(), found.until));
    assert_eq!(found, Some((b"three".to_vec(), Some(end))));
    assert_eq!(cache.remove_entry(key).map(|(entry, ())| entry.value()), Some(b"three".to_vec()));
    let (was_there, outcome) =
        cache.update_entry_by_id(cache.id(key), key, |found| (Change::Remove, found.is_some()));
    assert_eq!((was_there, outcome, cache.len()), (false, None, 0));
    cache.check().unwrap();
}

#[tokio::test]
async fn an_entry_is_loaded_once_for_all_who_ask() {
    let cache: Entries = Cache::builder(100).build();
    let loads = Cell::new(0);
    let load = || async {
        loads.set(loads.get() + 1);
        tokio::task::yield_now().await;
        Ok::<_, ()>((Named::new(b"key", b"loaded"), ()))
    };
    let key = &b"key"[..];
    let (one, other, fill) = tokio::join!(
        cache.get_entry_or_try_insert_async(key, load()),
        cache.get_entry_or_try_insert_async(key, load()),
        cache.try_fill_entry_async(key, load()),
    );
    let told =
        |found: Result<((Named, ()), Served), ()>| found.map(|((entry, ()), served)| (entry.value(), served));
    assert_eq!(told(one), Ok((b"loaded".to_vec(), Served::Loaded)));
    assert_eq!(told(other), Ok((b"loaded".to_vec(), Served::Waited)));
    assert_eq!((fill, loads.get()), (Ok(Fill::UnderWay), 1));
    let again = cache.get_entry_or_try_insert_async(key, load()).await;
    assert_eq!(told(again), Ok((b"loaded".to_vec(), Served::Hit)));
    assert_eq!(read(&cache, key), Some(b"loaded".to_vec()));
    let failed = cache.get_entry_or_try_insert_async(&b"other"[..], async { Err("no") }).await;
    assert_eq!((failed.map(|_| ()), cache.len()), (Err("no"), 1));
}

#[test]
fn weights_that_are_told_are_those_that_would_be_kept() {
    let weight = |entry: &Named, (): &()| entry.weight();
    let caches = |builder: fn(u64) -> Builder<Named, ()>| {
        let evicted = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&evicted);
        let builder = builder(2_000).shards(1).listener(move |entry: &Named, (), cause| {
            if cause == Cause::Evicted {
                seen.fetch_add(entry.weight(), Ordering::Relaxed);
            }
        });
        (builder, evicted)
    };
    let (kept, kept_evicted) = caches(Cache::builder);
    let (told, told_evicted) = caches(Cache::builder);
    let caches = [kept.weigher(weight).build(), told.steady_weigher(weight).build()];
    for step in 0..4_000_u64 {
        let random = mix(step);
        let key = (random % 64).to_string().into_bytes();
        let value = vec![7; usize::try_from(random >> 8).unwrap_or(0) % 120];
        for cache in &caches {
            match random >> 32 & 7 {
                0 => drop(cache.remove_entry(&key[..])),
                1 => drop(read(cache, &key)),
                2 => cache.fill(Named::new(&key, &value), ()),
                3 => cache.set_capacity(1_500 + random % 1_000),
                4 => {
                    let store = Change::Store((Named::new(&key, &value), ()), Life::Default);
                    cache.update_entry_by_id(cache.id(&key[..]), &key[..], |_| (store, ()));
                }
                _ => drop(cache.insert(Named::new(&key, &value), ())),
            }
            cache.check().unwrap();
        }
        let [kept, told] = &caches;
        assert_eq!((kept.weight(), kept.len()), (told.weight(), told.len()), "step {step}");
    }
    let [kept, told] = &caches;
    let entries = |cache: &Entries| {
        let mut entries: Vec<_> =
            cache.iter().map(|(entry, ())| (entry.0.key().to_vec(), entry.value())).collect();
        entries.sort();
        entries
    };
    assert_eq!(entries(kept), entries(told));
    let evicted = [kept_evicted, told_evicted].map(|evicted| evicted.load(Ordering::Relaxed));
    assert!(evicted[0] > 0 && evicted[0] == evicted[1], "{evicted:?}");
}
