//! Who is measured, behind one trait.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fjall::{Database, Keyspace, KeyspaceCreateOptions};
use foyer::{
    BlockEngineConfig, DeviceBuilder as _, FsDeviceBuilder, HybridCache, HybridCacheBuilder,
    PsyncIoEngineConfig,
};
use host_tier::{Clock, Coding, Disk, DiskConfig, Item, Tier, Warm, WarmConfig};

pub(crate) const NAMES: &[&str] =
    &["disk tier", "fjall", "foyer", "warm, plain", "warm, lz4", "warm, zstd", "moka"];

/// Room for all, twice.
const CAPACITY: u64 = 256 << 20;

pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

pub(crate) trait Peer: Send + Sync {
    /// Whether it was taken.
    fn put(&self, key: String, value: Vec<u8>) -> Later<'_, bool>;
    /// Whether it was found.
    fn get(&self, key: String) -> Later<'_, bool>;
    /// Waits until what was put is where it stays.
    fn settle(&self) -> Later<'_, ()> {
        Box::pin(async {})
    }
    fn close(&self) -> Later<'_, ()> {
        Box::pin(async {})
    }
    /// Bytes that it takes on disk or in memory.
    fn bytes(&self) -> f64;
}

pub(crate) struct Opened {
    pub(crate) peer: Arc<dyn Peer>,
    pub(crate) time: Duration,
}

/// Opens a peer in a folder, which may be one that it has written.
pub(crate) async fn open(name: &str, folder: &Path) -> Option<Opened> {
    std::fs::create_dir_all(folder).ok()?;
    let since = Instant::now();
    let warm =
        |coding| Arc::new(Tiered(Warm::new(WarmConfig { capacity: CAPACITY, coding }, Clock::system())));
    let peer: Arc<dyn Peer> = match name {
        "disk tier" => {
            Arc::new(Tiered(Disk::open(&DiskConfig::new(folder, CAPACITY), Clock::system()).ok()?))
        }
        "fjall" => {
            let database = Database::builder(folder).open().ok()?;
            let items = database.keyspace("items", KeyspaceCreateOptions::default).ok()?;
            Arc::new(Fjall { _database: database, items, folder: folder.to_owned() })
        }
        "foyer" => Arc::new(foyer(folder).await?),
        "warm, plain" => warm(Coding::None),
        "warm, lz4" => warm(Coding::Lz4),
        "warm, zstd" => warm(Coding::Zstd),
        "moka" => Arc::new(Moka(
            moka::sync::Cache::builder()
                .max_capacity(CAPACITY)
                .weigher(|key: &String, value: &Bytes| {
                    u32::try_from(key.len() + value.len()).unwrap_or(u32::MAX)
                })
                .build(),
        )),
        _ => return None,
    };
    Some(Opened { peer, time: since.elapsed() })
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "far below 2^53")]
const fn number(bytes: u64) -> f64 {
    bytes as f64
}

/// Bytes of all files in a folder.
fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}

struct Tiered<T>(T);

impl<T: Tier> Peer for Tiered<T> {
    fn put(&self, key: String, value: Vec<u8>) -> Later<'_, bool> {
        Box::pin(async move { self.0.put(Item::new(key, value)).await.is_ok() })
    }

    fn get(&self, key: String) -> Later<'_, bool> {
        Box::pin(async move { self.0.get(key.as_bytes()).await.is_ok_and(|item| item.is_some()) })
    }

    fn bytes(&self) -> f64 {
        number(self.0.stats().bytes)
    }
}

struct Fjall {
    _database: Database,
    items: Keyspace,
    folder: std::path::PathBuf,
}

impl Peer for Fjall {
    fn put(&self, key: String, value: Vec<u8>) -> Later<'_, bool> {
        Box::pin(async move { self.items.insert(key, value).is_ok() })
    }

    fn get(&self, key: String) -> Later<'_, bool> {
        Box::pin(async move { self.items.get(key).is_ok_and(|value| value.is_some()) })
    }

    fn bytes(&self) -> f64 {
        number(bytes_in(&self.folder))
    }
}

struct Foyer {
    cache: HybridCache<String, Vec<u8>>,
    folder: std::path::PathBuf,
}

/// With as little memory as it takes, so that lookups go to the files.
async fn foyer(folder: &Path) -> Option<Foyer> {
    let capacity = usize::try_from(CAPACITY).ok()?;
    let device = FsDeviceBuilder::new(folder).with_capacity(2 * capacity).build().ok()?;
    let cache = HybridCacheBuilder::new()
        .with_name("bench")
        .memory(1 << 20)
        .with_weighter(|key: &String, value: &Vec<u8>| key.len() + value.len())
        .storage()
        .with_io_engine_config(PsyncIoEngineConfig::new())
        .with_engine_config(BlockEngineConfig::new(device).with_block_size(8 << 20))
        .build()
        .await
        .ok()?;
    Some(Foyer { cache, folder: folder.to_owned() })
}

impl Peer for Foyer {
    fn put(&self, key: String, value: Vec<u8>) -> Later<'_, bool> {
        Box::pin(async move { self.cache.storage_writer(key).insert(value).is_some() })
    }

    fn get(&self, key: String) -> Later<'_, bool> {
        Box::pin(async move { self.cache.get(&key).await.is_ok_and(|entry| entry.is_some()) })
    }

    fn settle(&self) -> Later<'_, ()> {
        Box::pin(async { self.cache.storage().wait().await })
    }

    fn close(&self) -> Later<'_, ()> {
        Box::pin(async { drop(self.cache.close().await) })
    }

    fn bytes(&self) -> f64 {
        number(bytes_in(&self.folder))
    }
}

struct Moka(moka::sync::Cache<String, Bytes>);

impl Peer for Moka {
    fn put(&self, key: String, value: Vec<u8>) -> Later<'_, bool> {
        Box::pin(async move {
            self.0.insert(key, value.into());
            true
        })
    }

    fn get(&self, key: String) -> Later<'_, bool> {
        Box::pin(async move { self.0.get(&key).is_some() })
    }

    fn bytes(&self) -> f64 {
        self.0.run_pending_tasks();
        number(self.0.weighted_size())
    }
}
