//! Weights by index, at no cost while every one of them is 1.
//!
//! Policies that bound the parts of a cache have to know what each entry weighs. Where entries are counted
//! rather than measured that is always 1, and four bytes an entry to say so would be a fifth of what a policy
//! needs; so the array is made when the first other weight arrives. The few weights of 2^32 and more lie apart.

use crate::list::at;
use std::collections::BTreeMap;

/// Stands for a weight that lies apart.
const APART: u32 = u32::MAX;

/// As slabs that follow another's numbering do, the array grows by one in so many.
const GROWTH: usize = 16;

/// The weights; 1 where nothing else was said.
#[derive(Debug, Clone)]
pub struct Weights {
    near: Vec<u32>,
    apart: BTreeMap<u32, u64>,
}

impl Weights {
    /// Every weight is 1.
    pub const fn new() -> Self {
        Self { near: Vec::new(), apart: BTreeMap::new() }
    }

    /// The weight at an index.
    #[inline]
    pub fn get(&self, index: u32) -> u64 {
        match self.near.get(at(index)) {
            None => 1,
            Some(&APART) => self.apart.get(&index).copied().unwrap_or(1),
            Some(&near) => u64::from(near),
        }
    }

    /// Sets the weight at an index.
    #[inline]
    pub fn set(&mut self, index: u32, weight: u64) {
        if weight != 1 && at(index) >= self.near.len() {
            if at(index) >= self.near.capacity() {
                self.near.reserve_exact(at(index) + 1 - self.near.len() + self.near.len() / GROWTH);
            }
            self.near.resize(at(index) + 1, 1);
        }
        let Some(place) = self.near.get_mut(at(index)) else { return };
        let before = std::mem::replace(place, u32::try_from(weight).unwrap_or(APART));
        let is_apart = *place == APART;
        if is_apart || before == APART {
            self.set_apart(index, is_apart.then_some(weight));
        }
    }

    #[cold]
    fn set_apart(&mut self, index: u32, weight: Option<u64>) {
        match weight {
            Some(weight) => self.apart.insert(index, weight),
            None => self.apart.remove(&index),
        };
    }
}

impl Default for Weights {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::Weights;

    #[test]
    fn ones_need_no_room() {
        let mut weights = Weights::new();
        weights.set(1_000, 1);
        assert_eq!((weights.get(1_000), weights.near.capacity()), (1, 0));
        weights.set(3, 9);
        assert_eq!([weights.get(2), weights.get(3), weights.get(4), weights.get(1_000)], [1, 9, 1, 1]);
        weights.set(3, 1);
        assert_eq!(weights.get(3), 1);
    }

    #[test]
    fn weights_of_every_size_are_kept() {
        let mut weights = Weights::new();
        let large = u64::from(u32::MAX);
        for (index, weight) in [(0, large - 1), (1, large), (2, large + 1), (3, u64::MAX), (1, 0), (3, 7)] {
            weights.set(index, weight);
            assert_eq!(weights.get(index), weight);
        }
        assert_eq!([0, 1, 2, 3].map(|index| weights.get(index)), [large - 1, 0, large + 1, 7]);
        assert_eq!(weights.apart.len(), 1, "what is small again lies apart no more");
    }
}
