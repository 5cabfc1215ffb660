//! Sizes of tiers that change while they serve: what was asked for last comes to be, in the background.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use host_profile::TierSettings;
use host_tier::{Disk, DiskConfig, Tier as _, Warm};
use tokio::runtime::Handle;

/// What the sizes are to be, in bytes.
#[derive(Debug)]
pub(super) struct Sizes {
    /// 0 without one.
    warm: AtomicU64,
    /// 0 without one.
    disk: AtomicU64,
    /// What the disk tier has reserved at the start.
    reserved: u64,
    /// The least that it can do with.
    least_disk: u64,
    /// One change at a time: each looks at what is wanted by then.
    changing: tokio::sync::Mutex<()>,
}

impl Sizes {
    pub(super) fn new(settings: &TierSettings) -> Self {
        let warm = settings.warm.as_ref().map_or(0, |warm| warm.capacity.get());
        let disk = settings.disk.as_ref();
        let reserved = disk.map_or(0, |disk| disk.capacity.get());
        let least = |region: u64| region.saturating_mul(DiskConfig::LEAST_REGIONS);
        Self {
            warm: AtomicU64::new(warm),
            disk: AtomicU64::new(reserved),
            reserved,
            least_disk: disk.map_or(0, |disk| least(disk.region.get())),
            changing: tokio::sync::Mutex::default(),
        }
    }

    pub(super) fn warm(&self) -> u64 {
        self.warm.load(Ordering::Relaxed)
    }

    pub(super) fn disk(&self) -> u64 {
        self.disk.load(Ordering::Relaxed)
    }

    /// What a disk tier can be told to use.
    pub(super) fn of_disk(&self) -> RangeInclusive<u64> {
        self.least_disk.min(self.reserved)..=self.reserved
    }

    pub(super) fn set_warm(self: &Arc<Self>, bytes: u64, warm: Arc<Warm>, runtime: &Handle) {
        self.warm.store(bytes, Ordering::Relaxed);
        let sizes = Arc::clone(self);
        runtime.spawn(async move {
            let _alone = sizes.changing.lock().await;
            let bytes = sizes.warm();
            if let Err(error) = tokio::task::spawn_blocking(move || warm.set_capacity(bytes)).await {
                tracing::error!(%error, "the warm tier keeps its size");
            }
        });
    }

    /// Where the disk has no room the size stays.
    pub(super) fn set_disk(self: &Arc<Self>, bytes: u64, disk: Arc<Disk>, runtime: &Handle) {
        self.disk.store(bytes, Ordering::Relaxed);
        let sizes = Arc::clone(self);
        runtime.spawn(async move {
            let _alone = sizes.changing.lock().await;
            let bytes = sizes.disk();
            if let Err(error) = disk.set_capacity(bytes).await {
                let now = disk.stats().capacity;
                tracing::warn!(%error, now, "the disk tier keeps its size");
                // Unless another change came in between, the dial shows what is.
                let _ = sizes.disk.compare_exchange(bytes, now, Ordering::Relaxed, Ordering::Relaxed);
            }
        });
    }
}
