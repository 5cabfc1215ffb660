//! Which of several proposals wins.
//!
//! Grants, ranges and cool-downs were checked when a proposal was made ([`crate::context`]). Here the values proposed for
//! one dial are combined: `priority` takes the one of the highest registration, `min`, `max` and `mean` combine the numbers. Pure.

use host_contract::number::to_f64;
use host_contract::{Mode, Value};

/// What was decided, and whose proposals it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// The value to apply.
    pub value: Value,
    /// Indices into the values handed in: those that the value is made of.
    pub of: Vec<usize>,
}

/// Combines the values proposed for one dial. They are in the order of the registrations, highest priority first, one
/// each, all of one kind. None where there is none.
///
/// A name has no order, so that it is always resolved by priority.
#[must_use]
pub fn resolve(mode: Mode, values: &[Value]) -> Option<Resolution> {
    let first = values.first()?;
    let pick = |index: usize| Some(Resolution { value: values.get(index)?.clone(), of: vec![index] });
    match (mode, first) {
        (Mode::Priority, _) | (_, Value::Name(_)) => pick(0),
        (Mode::Min, _) => pick(extreme(values, std::cmp::Ordering::Less)?),
        (Mode::Max, _) => pick(extreme(values, std::cmp::Ordering::Greater)?),
        (Mode::Mean, _) => Some(Resolution { value: mean(first, values), of: (0..values.len()).collect() }),
    }
}

/// The first of the values that no other is `better` than.
fn extreme(values: &[Value], better: std::cmp::Ordering) -> Option<usize> {
    let mut best: Option<(usize, &Value)> = None;
    for (index, value) in values.iter().enumerate() {
        if best.is_none_or(|(_, held)| order(value, held) == better) {
            best = Some((index, value));
        }
    }
    best.map(|(index, _)| index)
}

fn order(a: &Value, b: &Value) -> std::cmp::Ordering {
    match (a, b) {
        // Whole numbers beyond 2^53 keep their order, too.
        (Value::Count(a), Value::Count(b)) => a.cmp(b),
        _ => a.number().unwrap_or(0.0).total_cmp(&b.number().unwrap_or(0.0)),
    }
}

fn mean(first: &Value, values: &[Value]) -> Value {
    let count = u64::try_from(values.len().max(1)).unwrap_or(u64::MAX);
    if let Value::Count(_) = first {
        let counts = values.iter().map(|value| if let Value::Count(n) = value { u128::from(*n) } else { 0 });
        let mean = (counts.sum::<u128>() + u128::from(count) / 2) / u128::from(count);
        return Value::Count(u64::try_from(mean).unwrap_or(u64::MAX));
    }
    let sum: f64 = values.iter().filter_map(Value::number).sum();
    Value::Ratio(sum / to_f64(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(values: &[u64]) -> Vec<Value> {
        values.iter().copied().map(Value::Count).collect()
    }

    #[test]
    fn each_mode_combines_as_named() {
        let values = counts(&[8, 4, 9]);
        for (mode, value, of) in [
            (Mode::Priority, 8, vec![0]),
            (Mode::Min, 4, vec![1]),
            (Mode::Max, 9, vec![2]),
            (Mode::Mean, 7, vec![0, 1, 2]),
        ] {
            assert_eq!(
                resolve(mode, &values),
                Some(Resolution { value: Value::Count(value), of }),
                "{mode:?}"
            );
        }
    }

    #[test]
    fn ratios_combine_as_numbers() {
        let values = [Value::Ratio(0.25), Value::Ratio(0.125), Value::Ratio(0.375)];
        for (mode, value) in [(Mode::Min, 0.125), (Mode::Max, 0.375), (Mode::Mean, 0.25)] {
            assert_eq!(resolve(mode, &values).map(|r| r.value), Some(Value::Ratio(value)), "{mode:?}");
        }
    }

    #[test]
    fn a_name_is_resolved_by_priority_whatever_the_mode() {
        let values = [Value::Name("lfu".into()), Value::Name("arc".into())];
        for (mode, _) in Mode::ALL {
            assert_eq!(resolve(mode, &values).map(|r| r.value), Some(values[0].clone()));
        }
    }

    #[test]
    fn the_largest_numbers_neither_overflow_nor_meet() {
        let values = counts(&[u64::MAX - 1, u64::MAX]);
        assert_eq!(resolve(Mode::Mean, &counts(&[u64::MAX; 2])).unwrap().value, Value::Count(u64::MAX));
        assert_eq!(resolve(Mode::Max, &values).unwrap().of, [1]);
    }

    #[test]
    fn nothing_stands_nothing_is_resolved() {
        assert_eq!(resolve(Mode::Priority, &[]), None);
    }
}
