//! Mines associations of keys that miss together now and then, however much comes between.
//!
//! As Mithril does (Yang and others, SoCC 2017), but at each miss instead of in batches. Of every key the last [`STAMPS`]
//! misses are remembered, counted in misses. At a miss, each of the [`REACH`] keys that missed right before is looked at: how
//! many of this key's earlier misses came within that reach after one of theirs? One besides the present one makes an
//! association, with its support and the share of the other key's misses that it holds for. The next [`NEAR`] keys after a
//! miss are associated with it at once, at the lowest level. What a prefetch served counts as a miss: it would have been one.
//!
//! Memory: 64 bytes a key and its place in the index, for the last [`KEYS`] that missed: at most 21 MB, once so many have.
//! Nothing is kept without such a rule.

use std::collections::VecDeque;

use hashbrown::HashMap;
use smallvec::SmallVec;

/// Keys that are remembered. Those that did not miss since the hand came by last give way.
const KEYS: usize = 1 << 18;
/// Misses of a key that are remembered.
const STAMPS: usize = 4;
/// How many misses later the other key may come.
pub(crate) const REACH: u32 = 20;
/// How many misses later it may come to be associated without having done so before.
const NEAR: usize = 2;
/// Associations of a key; the least supported gives way.
const TARGETS: usize = 4;

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    key: u64,
    /// Newest last; 0 where there is none.
    stamps: [u32; STAMPS],
    /// Best supported first.
    targets: [u64; TARGETS],
    /// One more than the level of each target; 0 where there is none.
    levels: [u8; TARGETS],
    /// Missed since the hand came by.
    lately: bool,
}

/// A key that goes with another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Associated {
    pub(crate) key: u64,
    /// 0 where it followed once; then two steps for each further support, the higher for those that hold for three of four
    /// misses.
    pub(crate) level: u32,
}

/// Keys by their misses.
#[derive(Debug, Default)]
pub(crate) struct Mined {
    known: Vec<Known>,
    /// Where in `known` a key is.
    places: HashMap<u64, u32>,
    hand: usize,
    /// The last keys that missed, oldest first.
    window: VecDeque<u64>,
    /// Misses so far. After 2^32 it starts again, and what is known is worth nothing for a while.
    now: u32,
}

impl Mined {
    /// What goes with a key, most supported first.
    pub(crate) fn associated(&self, key: u64) -> impl Iterator<Item = Associated> + '_ {
        let known = self.places.get(&key).and_then(|place| self.known.get(usize::try_from(*place).ok()?));
        known.into_iter().flat_map(|known| known.targets.iter().zip(&known.levels)).filter_map(
            |(&key, &level)| {
                let level = u32::from(level).checked_sub(1)?;
                Some(Associated { key, level })
            },
        )
    }

    /// Notes a miss.
    pub(crate) fn missed(&mut self, key: u64) {
        self.now = self.now.wrapping_add(1).max(1);
        let earlier = self.known(key).map_or([0; STAMPS], |known| known.stamps);
        let known_before = earlier.iter().any(|stamp| *stamp > 0);
        let near = self.window.len().saturating_sub(NEAR);
        for number in if known_before { 0 } else { near }..self.window.len() {
            let before = self.window.get(number).copied().filter(|before| *before != key);
            if let Some(other) = before.and_then(|before| self.known(before)) {
                other.associate(key, &earlier, number >= near);
            }
        }
        let now = self.now;
        let known = self.known_or_new(key);
        known.stamps.rotate_left(1);
        if let Some(newest) = known.stamps.last_mut() {
            *newest = now;
        }
        known.lately = true;
        self.window.push_back(key);
        if self.window.len() > usize::try_from(REACH).unwrap_or(0) {
            self.window.pop_front();
        }
    }

    fn known(&mut self, key: u64) -> Option<&mut Known> {
        let place = *self.places.get(&key)?;
        self.known.get_mut(usize::try_from(place).ok()?)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "the place was found or made, and the hand stays below the length"
    )]
    fn known_or_new(&mut self, key: u64) -> &mut Known {
        if let Some(&place) = self.places.get(&key) {
            return &mut self.known[usize::try_from(place).unwrap_or(0)];
        }
        let new = Known { key, ..Known::default() };
        let place = if self.known.len() < KEYS {
            self.known.push(new);
            self.known.len() - 1
        } else {
            while std::mem::take(&mut self.known[self.hand].lately) {
                self.hand = (self.hand + 1) % KEYS;
            }
            let place = self.hand;
            self.hand = (self.hand + 1) % KEYS;
            let old = std::mem::replace(&mut self.known[place], new);
            self.places.remove(&old.key);
            place
        };
        self.places.insert(key, u32::try_from(place).unwrap_or(0));
        &mut self.known[place]
    }
}

impl Known {
    /// Learns that another key, with these misses before, has missed within reach, perhaps near.
    fn associate(&mut self, key: u64, earlier: &[u32; STAMPS], near: bool) {
        let own = self.stamps;
        let follows = |stamp: &&u32| {
            **stamp > 0 && own.iter().any(|at| *at > 0 && at < *stamp && **stamp - at <= REACH)
        };
        let support = 1 + earlier.iter().filter(follows).count();
        let held = self.targets.iter().zip(self.levels).any(|(target, level)| level > 0 && *target == key);
        if support < 2 && (held || !near) {
            return;
        }
        let often = 4 * support >= 3 * own.iter().filter(|at| **at > 0).count();
        // Once alone is the lowest, for which `often` says nothing.
        let level =
            if support < 2 { 1 } else { u8::try_from(2 * (support - 1)).unwrap_or(0) + u8::from(often) };
        let mut ranked: SmallVec<[(u8, u64); TARGETS + 1]> = self
            .levels
            .iter()
            .copied()
            .zip(self.targets)
            .filter(|(level, other)| *level > 0 && *other != key)
            .collect();
        // Of equals the younger one first.
        let place = ranked.iter().position(|(other, _)| *other <= level).unwrap_or(ranked.len());
        ranked.insert(place, (level, key));
        for number in 0..TARGETS {
            let (level, target) = ranked.get(number).copied().unwrap_or_default();
            if let (Some(to), Some(of)) = (self.targets.get_mut(number), self.levels.get_mut(number)) {
                (*to, *of) = (target, level);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(mined: &Mined, key: u64) -> Vec<(u64, u32)> {
        mined.associated(key).map(|associated| (associated.key, associated.level)).collect()
    }

    fn miss(mined: &mut Mined, keys: impl IntoIterator<Item = u64>) {
        keys.into_iter().for_each(|key| mined.missed(key));
    }

    #[test]
    fn two_keys_that_miss_together_twice_are_associated_whatever_comes_between() {
        let mut mined = Mined::default();
        miss(&mut mined, [1, 100, 101, 2]);
        miss(&mut mined, 1_000..1_100);
        assert_eq!(found(&mined, 1), [(101, 0), (100, 0)], "near, once");
        miss(&mut mined, [1, 200, 201, 202, 203, 2]);
        assert_eq!(found(&mined, 1).first(), Some(&(2, 2)), "both of its misses");
        miss(&mut mined, 2_000..2_100);
        miss(&mut mined, [1, 300, 2]);
        assert_eq!(found(&mined, 1).first(), Some(&(2, 4)));
    }

    #[test]
    fn out_of_reach_is_no_association_and_a_hit_is_no_miss() {
        let mut mined = Mined::default();
        for round in 1..4 {
            miss(&mut mined, [1]);
            miss(&mut mined, round * 1_000..round * 1_000 + u64::from(REACH));
            miss(&mut mined, [2]);
        }
        assert!(found(&mined, 1).iter().all(|(key, _)| *key != 2));
        for _ in 0..4 {
            assert_eq!(found(&mined, 7), []);
            assert_eq!(found(&mined, 8), []);
        }
    }

    #[test]
    fn the_best_supported_come_first_and_memory_is_bounded() {
        let mut mined = Mined::default();
        for round in 1..5 {
            miss(&mut mined, [1, 2, 3]);
            miss(&mut mined, round * 1_000..round * 1_000 + 100);
        }
        miss(&mut mined, [1, 9]);
        miss(&mut mined, 9_000..9_100);
        miss(&mut mined, [1, 9]);
        let levels: Vec<u32> = found(&mined, 1).into_iter().map(|(_, level)| level).collect();
        assert!(levels.len() == 4 && levels.is_sorted_by(|one, other| one >= other), "{levels:?}");
        for key in 0..3 * u64::try_from(KEYS).unwrap() {
            miss(&mut mined, [key]);
        }
        assert!(mined.known.len() == KEYS && mined.places.len() == KEYS);
    }
}
