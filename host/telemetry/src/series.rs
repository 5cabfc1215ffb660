//! The last figures of one kind, bounded.
//!
//! A strategy looks back over a few hundred ticks at most; a run may take millions. So the oldest figure
//! makes room for the newest, and memory is fixed from the start.

use std::collections::VecDeque;

/// A bounded series of figures; the oldest is dropped first.
#[derive(Debug, Clone)]
pub struct Series {
    figures: VecDeque<f64>,
    capacity: usize,
}

impl Series {
    /// A series that keeps the last `capacity` figures, at least 1.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.max(1);
        Self { figures: VecDeque::with_capacity(capacity), capacity }
    }

    /// Adds the newest figure. What is not finite (a ratio of nothing, say) is kept out: one of them would
    /// make nonsense of every mean taken later.
    pub fn push(&mut self, figure: f64) {
        if !figure.is_finite() {
            return;
        }
        if self.figures.len() == self.capacity {
            self.figures.pop_front();
        }
        self.figures.push_back(figure);
    }

    /// Figures kept now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.figures.len()
    }

    /// Whether nothing was pushed yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.figures.is_empty()
    }

    /// The newest figure.
    #[must_use]
    pub fn latest(&self) -> Option<f64> {
        self.figures.back().copied()
    }

    /// The last `count` figures, oldest first; fewer where there are fewer.
    pub fn last(&self, count: usize) -> impl ExactSizeIterator<Item = f64> + '_ {
        self.figures.iter().skip(self.figures.len().saturating_sub(count)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_figure_is_dropped_first() {
        let mut series = Series::new(3);
        assert!(series.is_empty());
        for figure in 1..=5 {
            series.push(f64::from(figure));
        }
        assert_eq!(series.len(), 3);
        assert_eq!(series.last(9).collect::<Vec<_>>(), [3.0, 4.0, 5.0]);
        assert_eq!(series.last(2).collect::<Vec<_>>(), [4.0, 5.0]);
        assert_eq!(series.last(0).count(), 0);
        assert_eq!(series.latest(), Some(5.0));
    }

    #[test]
    fn what_is_not_finite_is_kept_out() {
        let mut series = Series::new(0);
        series.push(7.0);
        series.push(f64::NAN);
        series.push(f64::INFINITY);
        assert_eq!(series.last(9).collect::<Vec<_>>(), [7.0]);
    }
}
