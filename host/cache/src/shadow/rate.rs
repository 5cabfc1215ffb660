//! How many ids the shadows follow.
//!
//! A cache of up to 65,536 entries is followed whole: its shadows are exact, and it can take over what they have learnt
//! ([`Shadows::state`](super::Shadows::state)). For a larger one the rate is a power of two, the smallest at which the
//! smallest shadow is expected to hold at least 4,096 entries. The estimates of LRU, LFU and ARC are then 0.6 points off in
//! the mean and 1.0 at most, on the four caches that are large enough for that, of six traces at five capacities
//! (`cargo test -p host-simulator --test simulator -- --ignored estimates --nocapture`).
//!
//! Where the weights are bytes, the owner can bound what the shadows may take beside the cache ([`Shadows::bound`](super::Shadows::bound)):
//! eight that follow a cache whole take as much as its entries do, where these are of some hundred bytes. Fewer ids are followed
//! then, down to 256 in the smallest shadow, and the bound is kept at any rate.
//!
//! What an entry weighs is a hint at first and is measured from then on. The rate moves only when the smallest
//! shadow of a sample would hold under 2,048 entries or over 16,384, so that ordinary drift of weights or capacity does not
//! disturb it. When it falls, entries over the new threshold leave the shadows; when it rises, the newly followed
//! ids are misses once.
//!
//! Shadows must not cost more than they gain. A [`SampleTap`](super::SampleTap) that drops requests, because they come
//! faster than they can be followed, halves the rate until it drops next to none, down to 128 entries in the smallest
//! shadow. After a long time with a queue under a quarter full it doubles the rate again. The rate in an
//! [`Estimate`](super::Estimate) says how coarse the estimate is.

use super::arm::Missed;
use super::{real, whole};
use host_contract::split_mix::mix;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Entries of the smallest shadow up to which every id is followed.
const WHOLE_ENTRIES: f64 = 65_536.0;

/// Entries the smallest shadow should hold when a rate below 1 is chosen.
const TARGET_ENTRIES: f64 = 4_096.0;

/// Entries of the smallest shadow under which, and over which, another rate below 1 is chosen.
const KEEP_FROM: f64 = 2_048.0;
const KEEP_TO: f64 = 16_384.0;

/// Entries of the smallest shadow that a bound leaves at least.
const MIN_BOUND: f64 = 256.0;

/// Entries of the smallest shadow under which no load lowers the rate: fewer say nothing.
const MIN_ENTRIES: f64 = 128.0;

/// One of so many followed requests may be dropped before the rate is halved.
const MAX_DROPPED: u64 = 16;

/// Drains in a row with little to do after which a rate that was lowered for the load is doubled: half a minute at
/// a hundred a second.
const IDLE_DRAINS: u32 = 3_000;

/// New entries whose weights must have been seen before they are believed rather than the hint.
pub(super) const MIN_WEIGHED: u64 = 256;

/// New entries after which half of what is known of weights is forgotten.
const WEIGHT_WINDOW: u64 = 1 << 16;

/// The lowest rate is 2^-MAX_HALVINGS.
const MAX_HALVINGS: u32 = 40;

/// The ids that are followed: those whose mixed hash is at most the threshold. Shared by a tap and its
/// shadows.
#[derive(Debug, Clone)]
pub(super) struct Threshold(Arc<AtomicU64>);

impl Threshold {
    #[inline]
    pub(super) fn follows(&self, id: u64) -> bool {
        // The complement, so that sampling and the table of the shadows use unrelated bits.
        mix(!id) <= self.0.load(Ordering::Relaxed)
    }
}

/// The rate, and what it is chosen by; see the [module](self). `room` is always the capacity of the smallest shadow
/// if every id were followed.
#[derive(Debug)]
pub(super) struct Rate {
    /// Expected weight of an entry.
    mean_weight: f64,
    /// The rate is 2^-halvings; `load_halvings` of them are because of the load.
    halvings: u32,
    load_halvings: u32,
    /// Drains in a row with little to do.
    idle: u32,
    threshold: Threshold,
    /// Entries that the smallest shadow may have.
    bound: f64,
    /// How many entries were new to the largest shadow, and what they weighed; halved now and then.
    new_entries: u64,
    new_weight: u64,
}

fn of(halvings: u32) -> f64 {
    0.5f64.powi(i32::try_from(halvings).unwrap_or(i32::MAX))
}

impl Rate {
    pub(super) fn new(mean_weight_hint: u64, room: f64) -> Self {
        let mut this = Self {
            mean_weight: real(mean_weight_hint.max(1)),
            halvings: 0,
            load_halvings: 0,
            idle: 0,
            threshold: Threshold(Arc::new(AtomicU64::new(u64::MAX))),
            bound: WHOLE_ENTRIES,
            new_entries: 0,
            new_weight: 0,
        };
        this.set_halvings(this.fitting_halvings(room));
        this
    }

    /// The share of ids that is followed.
    #[inline]
    pub(super) fn share(&self) -> f64 {
        of(self.halvings)
    }

    /// Whether every id is followed.
    pub(super) const fn is_whole(&self) -> bool {
        self.halvings == 0
    }

    pub(super) const fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// Entries were new to the largest shadow.
    pub(super) const fn weigh(&mut self, new: Missed) {
        self.new_entries += new.requests;
        self.new_weight = self.new_weight.saturating_add(new.weight);
    }

    /// A queue with room for `capacity` has handed over `fed` followed requests, and dropped some. Answers whether the
    /// rate is another one now.
    pub(super) fn drained(&mut self, capacity: u64, fed: u64, dropped: u64, room: f64) -> bool {
        if dropped > fed.saturating_add(dropped) / MAX_DROPPED {
            self.idle = 0;
            if self.entries(room) * of(self.halvings + 1) >= MIN_ENTRIES {
                self.load_halvings += 1;
                return self.set_halvings(self.halvings + 1);
            }
        } else if self.load_halvings > 0 && fed < capacity / 4 {
            self.idle += 1;
            if self.idle >= IDLE_DRAINS {
                self.idle = 0;
                self.load_halvings -= 1;
                return self.set_halvings(self.halvings.saturating_sub(1));
            }
        } else {
            self.idle = 0;
        }
        false
    }

    /// Believes the weights that were seen.
    pub(super) const fn measure_weight(&mut self) {
        if self.new_entries >= MIN_WEIGHED {
            self.mean_weight = real(self.new_weight) / real(self.new_entries);
        }
        if self.new_entries >= WEIGHT_WINDOW {
            self.new_entries /= 2;
            self.new_weight /= 2;
        }
    }

    /// The smallest shadow has so many entries at most.
    pub(super) const fn bound(&mut self, entries: f64) {
        self.bound = entries.clamp(MIN_BOUND, WHOLE_ENTRIES);
    }

    /// Entries that the smallest shadow should hold when a rate below 1 is chosen.
    fn target(&self) -> f64 {
        // The next higher rate has twice as many.
        TARGET_ENTRIES.min(self.bound / 2.0)
    }

    /// Chooses another rate where the present one does not fit. Answers whether it did.
    pub(super) fn review(&mut self, room: f64) -> bool {
        // What the load takes away is not given back here.
        let unstrained = self.halvings.saturating_sub(self.load_halvings);
        let entries = self.entries(room) * of(unstrained);
        let too_few = entries < KEEP_FROM.min(self.target() / 2.0) && unstrained > 0;
        let most = if unstrained == 0 { self.bound } else { KEEP_TO.min(self.bound) };
        if !too_few && entries <= most {
            return false;
        }
        let fitting = self.fitting_halvings(room);
        while self.load_halvings > 0 && self.entries(room) * of(fitting + self.load_halvings) < MIN_ENTRIES {
            self.load_halvings -= 1;
        }
        self.set_halvings(fitting + self.load_halvings)
    }

    /// Entries that the smallest shadow is expected to hold when every id is followed.
    fn entries(&self, room: f64) -> f64 {
        room / self.mean_weight
    }

    fn fitting_halvings(&self, room: f64) -> u32 {
        if self.entries(room) <= self.bound {
            return 0;
        }
        let mut halvings = 0;
        while halvings < MAX_HALVINGS && self.entries(room) * of(halvings + 1) >= self.target() {
            halvings += 1;
        }
        halvings
    }

    fn set_halvings(&mut self, halvings: u32) -> bool {
        let changes = halvings != self.halvings;
        self.halvings = halvings;
        self.threshold.0.store(u64::MAX.checked_shr(halvings).unwrap_or(0), Ordering::Relaxed);
        changes
    }

    /// How many requests a queue dropped, of which `offered` were offered since the last time and `fed` came through.
    pub(super) fn dropped(&self, offered: u64, fed: u64) -> u64 {
        whole(real(offered) * self.share()).saturating_sub(fed)
    }
}
