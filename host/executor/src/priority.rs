//! How urgent a task is, and what of the workers each priority is sure of.

use std::fmt;
use std::ops::{Index, IndexMut};

use crate::error::ExecutorError;
use crate::recorder::ClassId;

/// How urgent a task is, given when it is submitted: `class.with(Priority::High)`. Without one it is [`Normal`](Self::Normal).
///
/// Each priority is sure of a share of the workers' time ([`Config::shares`](crate::Config::shares)), also while the
/// others have more work than there is time. What of it nobody is sure of, or somebody leaves unused, goes to the
/// highest priority that has work. A priority that had no work is owed nothing for that time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Work that can wait, and that is shed first.
    Low,
    /// Anything else.
    #[default]
    Normal,
    /// Work that somebody waits for.
    High,
}

impl Priority {
    /// All, the highest first.
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    /// Its name, in lower case.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Normal => "normal",
            Self::Low => "low",
        }
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One of something for each priority.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByPriority<T> {
    /// That of [`Priority::High`].
    pub high: T,
    /// That of [`Priority::Normal`].
    pub normal: T,
    /// That of [`Priority::Low`].
    pub low: T,
}

impl<T> ByPriority<T> {
    /// Makes one for each.
    pub fn new(mut make: impl FnMut(Priority) -> T) -> Self {
        Self { high: make(Priority::High), normal: make(Priority::Normal), low: make(Priority::Low) }
    }

    /// Each with its priority, the highest first.
    pub fn iter(&self) -> impl Iterator<Item = (Priority, &T)> {
        Priority::ALL.into_iter().map(|priority| (priority, &self[priority]))
    }
}

impl<T> Index<Priority> for ByPriority<T> {
    type Output = T;

    fn index(&self, priority: Priority) -> &T {
        match priority {
            Priority::High => &self.high,
            Priority::Normal => &self.normal,
            Priority::Low => &self.low,
        }
    }
}

impl<T> IndexMut<Priority> for ByPriority<T> {
    fn index_mut(&mut self, priority: Priority) -> &mut T {
        match priority {
            Priority::High => &mut self.high,
            Priority::Normal => &mut self.normal,
            Priority::Low => &mut self.low,
        }
    }
}

/// Half of the time for what is urgent, and enough for the others to get on.
pub(crate) const SHARES: ByPriority<u32> = ByPriority { high: 50, normal: 30, low: 20 };

/// Checks shares in percent: each 1 to 98, and 100 together at most.
pub(crate) fn check_shares(shares: &ByPriority<u32>) -> Result<(), ExecutorError> {
    for (priority, &value) in shares.iter() {
        let field = match priority {
            Priority::High => "shares.high",
            Priority::Normal => "shares.normal",
            Priority::Low => "shares.low",
        };
        if !(1..=98).contains(&value) {
            return Err(ExecutorError::Setting { field, value, least: 1, most: 98 });
        }
    }
    let sum = shares.high + shares.normal + shares.low;
    if sum > 100 {
        return Err(ExecutorError::Shares { sum });
    }
    Ok(())
}

/// What is submitted, apart from the task itself: its class, and how urgent it is. A [`ClassId`] becomes one of priority
/// [`Priority::Normal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Submission {
    /// The class.
    pub class: ClassId,
    /// How urgent it is.
    pub priority: Priority,
}

impl From<ClassId> for Submission {
    fn from(class: ClassId) -> Self {
        Self { class, priority: Priority::default() }
    }
}

impl ClassId {
    /// A task of this class and that priority, to be submitted.
    #[must_use]
    pub fn with(self, priority: Priority) -> Submission {
        Submission { class: self, priority }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_checked() {
        let text = |high, normal, low| {
            check_shares(&ByPriority { high, normal, low }).map_err(|error| error.to_string())
        };
        assert_eq!(check_shares(&SHARES).map_err(|error| error.to_string()), Ok(()));
        assert_eq!(text(1, 1, 1), Ok(()));
        assert_eq!(
            text(50, 0, 20),
            Err("executor setting `shares.normal` is 0, expected 1 to 98".to_owned())
        );
        assert_eq!(
            text(50, 30, 21),
            Err("executor setting `shares` is 101 percent in all, expected 100 at most: lower one of the three"
                .to_owned())
        );
    }

    #[test]
    fn the_order_is_that_of_urgency() {
        assert!(Priority::Low < Priority::Normal && Priority::Normal < Priority::High);
        let names: Vec<_> = ByPriority::new(Priority::name).iter().map(|(_, name)| *name).collect();
        assert_eq!(names, ["high", "normal", "low"]);
    }
}
