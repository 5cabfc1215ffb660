//! Settings of the disk tier, and what they may be.

use std::path::PathBuf;
use std::time::Duration;

use crate::TierError;

/// The least and the largest region. The offset of a record in the index has 22 bits of four bytes each.
const REGION: std::ops::RangeInclusive<u32> = 16 * 1024..=16 * 1024 * 1024;

/// One open region for each lifetime group, two free ones so that evicting always has where to write, and two to evict.
const LEAST_REGIONS: u64 = 8;

/// The number of a region in the index has 16 bits.
const MOST_REGIONS: u64 = 65_536;

/// How many lifetime groups there are.
pub(super) const GROUPS: usize = 4;

/// Up to where an item counts as short-lived, and up to where as one of middle life.
const SHORT: Duration = Duration::from_secs(600);
const MIDDLE: Duration = Duration::from_secs(6 * 3600);

/// Settings of the [`Disk`](crate::Disk) tier.
#[derive(Debug, Clone)]
pub struct DiskConfig {
    /// A folder of its own; it is made where it is missing. One process at a time can have it.
    pub folder: PathBuf,
    /// Bytes that it takes there, reserved at once: 8 to 65,536 regions. What is beyond whole regions is not used.
    pub capacity: u64,
    /// Bytes of a region, 16 KiB to 16 MiB and a multiple of 4 KiB. 4 to 16 MiB serve best: less wastes room at the ends, more evicts
    /// much at a time. The largest item that is taken is some 200 bytes smaller. Changing it empties the tier.
    pub region: u32,
}

impl DiskConfig {
    /// The fewest regions that a tier can do with.
    pub const LEAST_REGIONS: u64 = LEAST_REGIONS;

    /// Regions of 8 MiB.
    pub fn new(folder: impl Into<PathBuf>, capacity: u64) -> Self {
        Self { folder: folder.into(), capacity, region: 8 << 20 }
    }

    /// The number of regions.
    pub(super) fn regions(&self) -> Result<u32, TierError> {
        if !REGION.contains(&self.region) || !self.region.is_multiple_of(4096) {
            return Err(TierError::Setting {
                tier: "disk",
                setting: "the region size",
                value: format!("{} bytes", self.region),
                expected: format!(
                    "a multiple of 4,096 bytes from {} to {}; 4 to 16 MiB serve best",
                    REGION.start(),
                    REGION.end()
                ),
            });
        }
        regions(self.capacity, self.region)
    }
}

/// How many regions a capacity has.
pub(super) fn regions(capacity: u64, region: u32) -> Result<u32, TierError> {
    let region = u64::from(region);
    let regions = capacity / region;
    u32::try_from(regions).ok().filter(|_| (LEAST_REGIONS..=MOST_REGIONS).contains(&regions)).ok_or_else(
        || TierError::Setting {
            tier: "disk",
            setting: "the capacity",
            value: format!("{capacity} bytes"),
            expected: format!(
                "{LEAST_REGIONS} to {MOST_REGIONS} regions of {region} bytes: {} to {} bytes",
                LEAST_REGIONS * region,
                MOST_REGIONS * region
            ),
        },
    )
}

/// The group that an item with this end of life belongs to: short, middle, long, endless.
pub(super) fn group(until: Option<Duration>, now: Duration) -> usize {
    match until.map(|until| until.saturating_sub(now)) {
        Some(left) if left <= SHORT => 0,
        Some(left) if left <= MIDDLE => 1,
        Some(_) => 2,
        None => 3,
    }
}
