//! Weights by index, at no cost while every one of them is 1.
//!
//! Policies that bound the parts of a cache have to know what each entry weighs. Where entries are counted
//! rather than measured that is always 1, and eight bytes an entry to say so would be most of what a policy
//! needs; so the array is made when the first other weight arrives.

use crate::list::at;

/// The weights; 1 where nothing else was said.
#[derive(Debug, Clone)]
pub struct Weights(Vec<u64>);

impl Weights {
    /// Every weight is 1.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The weight at an index.
    #[inline]
    pub fn get(&self, index: u32) -> u64 {
        self.0.get(at(index)).copied().unwrap_or(1)
    }

    /// Sets the weight at an index.
    #[inline]
    pub fn set(&mut self, index: u32, weight: u64) {
        if weight != 1 && at(index) >= self.0.len() {
            self.0.resize(at(index) + 1, 1);
        }
        if let Some(place) = self.0.get_mut(at(index)) {
            *place = weight;
        }
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
        assert_eq!((weights.get(1_000), weights.0.capacity()), (1, 0));
        weights.set(3, 9);
        assert_eq!([weights.get(2), weights.get(3), weights.get(4), weights.get(1_000)], [1, 9, 1, 1]);
        weights.set(3, 1);
        assert_eq!(weights.get(3), 1);
    }
}
