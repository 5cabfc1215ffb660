//! Which of several proposals wins.
//!
//! Grants, bounds and cool-downs were checked when a proposal was made ([`crate::desk`]). Here the
//! proposals that stand for one control meet: `priority` takes the one of the highest seat, `min`,
//! `max` and `mean` combine the numbers. Pure.

use serde::{Deserialize, Serialize};

use crate::proposal::{Budget, Proposal};

/// How proposals of several strategies for one control are combined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// The strategy with the highest priority wins; the profile's order breaks ties.
    #[default]
    Priority,
    /// The smallest value wins.
    Min,
    /// The largest value wins.
    Max,
    /// The mean, rounded to the nearest whole number.
    Mean,
}

/// What was decided, and whose proposals it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Award {
    /// The value to apply.
    pub proposal: Proposal,
    /// Indices into the proposals handed in: those that the value is made of.
    pub of: Vec<usize>,
}

/// Combines what stands for one control. `standing` is in the order of the seats, highest priority
/// first, one proposal a seat. None where nothing stands.
///
/// A policy has no order, so that it is always awarded by priority.
#[must_use]
pub fn award(mode: Mode, standing: &[Proposal]) -> Option<Award> {
    let first = standing.first()?;
    let pick = |of: Option<usize>| {
        let index = of?;
        Some(Award { proposal: standing.get(index)?.clone(), of: vec![index] })
    };
    match (mode, first) {
        (Mode::Priority, _) | (_, Proposal::CachePolicy(_)) => pick(Some(0)),
        (Mode::Min, _) => pick(extreme(standing, |a, b| a < b)),
        (Mode::Max, _) => pick(extreme(standing, |a, b| a > b)),
        (Mode::Mean, _) => Some(Award { proposal: mean(first, standing), of: (0..standing.len()).collect() }),
    }
}

fn extreme(standing: &[Proposal], better: fn(u64, u64) -> bool) -> Option<usize> {
    let mut best: Option<(usize, u64)> = None;
    for (index, proposal) in standing.iter().enumerate() {
        let value = number(proposal)?;
        if best.is_none_or(|(_, held)| better(value, held)) {
            best = Some((index, value));
        }
    }
    best.map(|(index, _)| index)
}

fn number(proposal: &Proposal) -> Option<u64> {
    match proposal {
        Proposal::CacheCapacity(bytes) => Some(*bytes),
        Proposal::CpuWorkers(n) | Proposal::IoWorkers(n) => Some(u64::from(*n)),
        Proposal::PrefetchBudget(b) => Some(u64::from(b.max_in_flight)),
        Proposal::CachePolicy(_) | Proposal::InstallRule { .. } | Proposal::WithdrawRule { .. } => None,
    }
}

fn mean(first: &Proposal, standing: &[Proposal]) -> Proposal {
    let values: Vec<u128> = standing.iter().filter_map(number).map(u128::from).collect();
    let count = u128::try_from(values.len().max(1)).unwrap_or(1);
    let mean = (values.iter().sum::<u128>() + count / 2) / count;
    let as_u32 = u32::try_from(mean).unwrap_or(u32::MAX);
    match first {
        Proposal::CacheCapacity(_) => Proposal::CacheCapacity(u64::try_from(mean).unwrap_or(u64::MAX)),
        Proposal::CpuWorkers(_) => Proposal::CpuWorkers(as_u32),
        Proposal::IoWorkers(_) => Proposal::IoWorkers(as_u32),
        Proposal::PrefetchBudget(_) => {
            let shares: Vec<f64> = standing
                .iter()
                .filter_map(|p| match p {
                    Proposal::PrefetchBudget(b) => Some(b.cache_share),
                    _ => None,
                })
                .collect();
            let divisor = f64::from(u32::try_from(shares.len().max(1)).unwrap_or(1));
            let cache_share = shares.iter().sum::<f64>() / divisor;
            Proposal::PrefetchBudget(Budget { max_in_flight: as_u32, cache_share })
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workers(values: &[u32]) -> Vec<Proposal> {
        values.iter().map(|n| Proposal::IoWorkers(*n)).collect()
    }

    #[test]
    fn each_mode_combines_as_named() {
        let standing = workers(&[8, 4, 9]);
        for (mode, value, of) in [
            (Mode::Priority, 8, vec![0]),
            (Mode::Min, 4, vec![1]),
            (Mode::Max, 9, vec![2]),
            (Mode::Mean, 7, vec![0, 1, 2]),
        ] {
            let award = award(mode, &standing).unwrap();
            assert_eq!((award.proposal, award.of), (Proposal::IoWorkers(value), of), "{mode:?}");
        }
    }

    #[test]
    fn a_policy_is_awarded_by_priority_whatever_the_mode() {
        let standing = [Proposal::CachePolicy("lfu".into()), Proposal::CachePolicy("arc".into())];
        for mode in [Mode::Priority, Mode::Min, Mode::Max, Mode::Mean] {
            assert_eq!(award(mode, &standing).unwrap().proposal, standing[0]);
        }
    }

    #[test]
    fn a_mean_of_the_largest_values_does_not_overflow() {
        let standing = [Proposal::CacheCapacity(u64::MAX), Proposal::CacheCapacity(u64::MAX)];
        assert_eq!(award(Mode::Mean, &standing).unwrap().proposal, Proposal::CacheCapacity(u64::MAX));
    }

    #[test]
    fn a_mean_budget_combines_both_figures() {
        let budget =
            |max_in_flight, cache_share| Proposal::PrefetchBudget(Budget { max_in_flight, cache_share });
        let award = award(Mode::Mean, &[budget(4, 0.1), budget(8, 0.3)]).unwrap();
        assert_eq!(award.proposal, budget(6, 0.2));
    }

    #[test]
    fn nothing_stands_nothing_is_awarded() {
        assert_eq!(award(Mode::Priority, &[]), None);
    }
}
