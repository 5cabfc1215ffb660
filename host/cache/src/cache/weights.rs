//! What the entries of a store weigh.
//!
//! Where a weight has to be kept, it lies by slot. A weight below 2^32 takes four bytes. The few others lie apart.

use super::Weigher;
use crate::index::at;
use std::collections::BTreeMap;

/// Stands for a weight that lies apart.
const APART: u32 = u32::MAX;

/// How a store knows what its entries weigh.
pub(super) enum Weighing<K, V> {
    /// Every entry weighs 1.
    Alike,
    /// The weights are kept.
    Kept(Weights),
    /// The entry tells it, whenever it is asked.
    Told(Weigher<K, V>),
}

impl<K, V> std::fmt::Debug for Weighing<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Alike => "Alike",
            Self::Kept(_) => "Kept",
            Self::Told(_) => "Told",
        })
    }
}

#[derive(Debug)]
pub(super) struct Weights {
    near: Vec<u32>,
    apart: BTreeMap<u32, u64>,
}

impl Weights {
    pub(super) const fn new() -> Self {
        Self { near: Vec::new(), apart: BTreeMap::new() }
    }

    /// Makes room for so many slots in all, and no more.
    pub(super) fn reserve(&mut self, slots: usize) {
        self.near.reserve_exact(slots.saturating_sub(self.near.len()));
    }

    /// Another slot, the next one, whose weight is 0 as yet.
    pub(super) fn push(&mut self) {
        self.near.push(0);
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> u64 {
        match self.near.get(at(slot)) {
            Some(&APART) => self.apart.get(&slot).copied().unwrap_or(0),
            Some(&near) => u64::from(near),
            None => 0,
        }
    }

    #[inline]
    pub(super) fn set(&mut self, slot: u32, weight: u64) {
        let Some(place) = self.near.get_mut(at(slot)) else { return };
        let before = std::mem::replace(place, u32::try_from(weight).unwrap_or(APART));
        let is_apart = *place == APART;
        if is_apart || before == APART {
            self.set_apart(slot, is_apart.then_some(weight));
        }
    }

    /// The weights of these slots, numbered from 0 on as they come.
    pub(super) fn picked(&self, slots: impl ExactSizeIterator<Item = u32>) -> Self {
        let mut picked = Self::new();
        picked.reserve(slots.len());
        for (number, slot) in (0..).zip(slots) {
            picked.push();
            picked.set(number, self.get(slot));
        }
        picked
    }

    #[cold]
    fn set_apart(&mut self, slot: u32, weight: Option<u64>) {
        match weight {
            Some(weight) => self.apart.insert(slot, weight),
            None => self.apart.remove(&slot),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::Weights;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_weight_is_kept(steps in prop::collection::vec(
            (0u32..6, prop_oneof![0u64..9, any::<u64>(), u64::from(u32::MAX) - 1..u64::from(u32::MAX) + 2]), 0..60,
        )) {
            let (mut weights, mut held) = (Weights::new(), [0u64; 6]);
            (0..6).for_each(|_| weights.push());
            for (slot, weight) in steps {
                weights.set(slot, weight);
                held[usize::try_from(slot).unwrap()] = weight;
                prop_assert_eq!((0..6).map(|slot| weights.get(slot)).collect::<Vec<_>>(), held);
                let apart = held.iter().filter(|&&weight| weight >= u64::from(u32::MAX)).count();
                prop_assert_eq!(weights.apart.len(), apart);
            }
            let picked = weights.picked([4, 0, 5].into_iter());
            prop_assert_eq!([0, 1, 2].map(|slot| picked.get(slot)), [held[4], held[0], held[5]]);
        }
    }
}
