//! A tier in a folder that goes with the test, and a time that the test sets.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use host_tier::{Clock, Disk, DiskConfig, Item, Tier, TierError};
use tempfile::TempDir;

/// A small region, so that few records fill it.
pub(crate) const REGION: u32 = 16 * 1024;

/// A time that stands still until it is told otherwise.
#[derive(Clone)]
pub(crate) struct Time(Arc<AtomicU64>);

impl Time {
    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_000_000_000_000)))
    }

    pub(crate) fn clock(&self) -> Clock {
        let time = Arc::clone(&self.0);
        Clock::new(move || Duration::from_micros(time.load(Relaxed)))
    }

    pub(crate) fn now(&self) -> Duration {
        self.clock().now()
    }

    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap(), Relaxed);
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap().block_on(future)
}

pub(crate) fn config(folder: &Path, regions: u64) -> DiskConfig {
    let config = DiskConfig::new(folder, regions * u64::from(REGION));
    DiskConfig { region: REGION, ..config }
}

pub(crate) fn open(folder: &Path, regions: u64, time: &Time) -> Disk {
    Disk::open(&config(folder, regions), time.clock()).unwrap()
}

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The same in memory, where there is such a place: opening forces a file to the disk, and some tests open thousands.
pub(crate) fn quick_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| folder())
}

pub(crate) async fn get(disk: &Disk, key: &str) -> Option<Item> {
    disk.get(key.as_bytes()).await.unwrap()
}

pub(crate) async fn put(disk: &Disk, key: &str, value: impl Into<bytes::Bytes>) -> Result<(), TierError> {
    disk.put(Item::new(key.to_owned(), value)).await
}

/// The value that is found under a key.
pub(crate) async fn value(disk: &Disk, key: &str) -> Option<Vec<u8>> {
    get(disk, key).await.map(|item| item.value.to_vec())
}

/// What the files are at this moment, as the end of the process would leave them.
pub(crate) fn copy(from: &Path) -> TempDir {
    let to = quick_folder();
    for file in ["regions", "lock"] {
        std::fs::copy(from.join(file), to.path().join(file)).unwrap();
    }
    to
}
