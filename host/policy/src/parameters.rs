//! Parameters of policies: names, ranges, defaults, and the text form `lirs(hir=0.1, ghosts=4)`.
//!
//! A value is a decimal number, kept exactly: two texts of one number are the same policy, and a share of a capacity is
//! the same number of entries on every machine. The canonical text names the parameters in the order of the policy's
//! own table, and leaves out those that have their default.
//!
//! A text that cannot be read is a [`BadParameter`], which lists the parameters that the policy has.

use std::fmt;
use std::str::FromStr;

/// A number from 0 to 4,294, with up to six decimals.
///
/// ```
/// use host_policy::Decimal;
///
/// assert_eq!("0.10".parse(), Ok(Decimal::percent(10)));
/// assert_eq!(Decimal::percent(150).to_string(), "1.5");
/// assert!("1e-3".parse::<Decimal>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Decimal {
    millionths: u32,
}

/// One, in millionths.
const ONE: u32 = 1_000_000;

impl Decimal {
    /// So many hundredths; 429,496 at most.
    #[must_use]
    pub const fn percent(hundredths: u32) -> Self {
        Self { millionths: hundredths.saturating_mul(ONE / 100) }
    }

    /// So many thousandths; 4,294,967 at most.
    #[must_use]
    pub const fn permille(thousandths: u32) -> Self {
        Self { millionths: thousandths.saturating_mul(ONE / 1_000) }
    }

    /// A whole number; 4,294 at most.
    #[must_use]
    pub const fn whole(number: u32) -> Self {
        Self { millionths: number.saturating_mul(ONE) }
    }

    /// What is missing to one; 0 for more than one.
    pub(crate) const fn rest(self) -> Self {
        Self { millionths: ONE.saturating_sub(self.millionths) }
    }

    /// This share of a weight, rounded down; at most the largest number.
    pub(crate) fn of(self, weight: u64) -> u64 {
        let share = u128::from(weight) * u128::from(self.millionths) / u128::from(ONE);
        u64::try_from(share).unwrap_or(u64::MAX)
    }

    /// Without its decimals.
    pub(crate) fn floor(self) -> u16 {
        u16::try_from(self.millionths / ONE).unwrap_or(u16::MAX)
    }

    const fn is_whole(self) -> bool {
        self.millionths.is_multiple_of(ONE)
    }
}

/// A text that is no [`Decimal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a number such as 4 or 0.25, with up to six decimals")]
pub struct NotDecimal;

impl FromStr for Decimal {
    type Err = NotDecimal;

    fn from_str(text: &str) -> Result<Self, NotDecimal> {
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            digits.parse::<u32>().ok().filter(|_| plain).ok_or(NotDecimal)
        };
        let Some(scale) = u32::try_from(decimals.len()).ok().and_then(|digits| 6u32.checked_sub(digits))
        else {
            return Err(NotDecimal);
        };
        let below_one = number(decimals)? * 10u32.pow(scale);
        let millionths = number(whole)?.checked_mul(ONE).and_then(|whole| whole.checked_add(below_one));
        millionths.map(|millionths| Self { millionths }).ok_or(NotDecimal)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimals = format!("{:06}", self.millionths % ONE);
        let text = format!("{}.{decimals}", self.millionths / ONE);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// A parameter of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameter {
    /// The name, in kebab-case.
    pub name: &'static str,
    /// What it means, in a few words.
    pub meaning: &'static str,
    /// The value where none is given.
    pub default: Decimal,
    /// The smallest value.
    pub least: Decimal,
    /// The largest value.
    pub most: Decimal,
    /// Which numbers between these it takes.
    pub values: Values,
}

/// Which numbers a parameter takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Any with up to six decimals.
    Any,
    /// Whole numbers.
    Whole,
}

impl Parameter {
    /// A share of the capacity that leaves something to the rest: 0.001 to 0.99.
    pub(crate) const fn share(name: &'static str, default: Decimal, meaning: &'static str) -> Self {
        let (least, most) = (Decimal::permille(1), Decimal::percent(99));
        Self { name, meaning, default, least, most, values: Values::Any }
    }

    /// What ghosts may weigh, in capacities: 0 to 10.
    pub(crate) const fn ghosts(default: Decimal, meaning: &'static str) -> Self {
        let (least, most) = (Decimal::whole(0), Decimal::whole(10));
        Self { name: "ghosts", meaning, default, least, most, values: Values::Any }
    }

    fn takes(&self, value: Decimal) -> bool {
        (self.least..=self.most).contains(&value) && (self.values == Values::Any || value.is_whole())
    }

    fn range(&self) -> String {
        let whole = if self.values == Values::Whole { "a whole number from " } else { "" };
        format!("{whole}{} to {}", self.least, self.most)
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}; default {}): {}", self.name, self.range(), self.default, self.meaning)
    }
}

/// Why a policy does not take what is between its parentheses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("policy `{policy}`: {problem}; {}", self.parameters())]
pub struct BadParameter {
    /// The policy.
    pub policy: String,
    /// What is wrong.
    pub problem: Problem,
    /// The parameters that the policy has.
    pub known: &'static [Parameter],
}

/// What is wrong with a parameter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The policy has none of this name.
    #[error("there is no parameter `{name}`")]
    Unknown {
        /// The name as given.
        name: String,
    },
    /// It is given a second time.
    #[error("`{name}` is given twice")]
    Twice {
        /// The name.
        name: &'static str,
    },
    /// The value is no number, or out of range.
    #[error("`{name}` cannot be `{value}`: it is {range}")]
    Value {
        /// The name.
        name: &'static str,
        /// The value as given.
        value: String,
        /// The values that it takes.
        range: String,
    },
    /// A part of the list is no assignment.
    #[error("`{part}` is not NAME=VALUE")]
    Form {
        /// The part.
        part: String,
    },
    /// The list does not end with the text.
    #[error("the text does not end with `)`")]
    Open,
}

impl BadParameter {
    fn parameters(&self) -> String {
        let listed: Vec<String> = self.known.iter().map(ToString::to_string).collect();
        if listed.is_empty() {
            "it has no parameters".to_owned()
        } else {
            format!("it has {}", listed.join(", "))
        }
    }
}

/// The values of a policy's parameters, as a struct of its own.
pub(crate) trait Tunable: Copy + PartialEq {
    /// The parameters in the order of the canonical text.
    const KNOWN: &'static [Parameter];
    /// Every parameter at its default.
    const DEFAULT: Self;

    /// The values, in the order of [`KNOWN`](Self::KNOWN).
    fn values(&mut self) -> Vec<&mut Decimal>;

    /// The values, if each is in its range. `policy` is for the error.
    fn checked(mut self, policy: &str) -> Result<Self, BadParameter> {
        for (parameter, value) in Self::KNOWN.iter().zip(self.values()) {
            if !parameter.takes(*value) {
                return Err(Self::bad(policy, value_problem(parameter, &value.to_string())));
            }
        }
        Ok(self)
    }

    /// Reads what stands between the parentheses.
    fn parse(policy: &str, list: &str) -> Result<Self, BadParameter> {
        let mut parsed = Self::DEFAULT;
        let mut given = vec![false; Self::KNOWN.len()];
        for part in list.split(',') {
            let bad = |problem| Self::bad(policy, problem);
            let Some((name, text)) = part.split_once('=') else {
                return Err(bad(Problem::Form { part: part.trim().to_owned() }));
            };
            let (name, text) = (name.trim(), text.trim());
            let found = Self::KNOWN.iter().zip(parsed.values()).zip(&mut given);
            let Some(((parameter, value), given)) =
                found.into_iter().find(|((parameter, _), _)| parameter.name == folded(name))
            else {
                return Err(bad(Problem::Unknown { name: name.to_owned() }));
            };
            if std::mem::replace(given, true) {
                return Err(bad(Problem::Twice { name: parameter.name }));
            }
            *value = text
                .parse()
                .ok()
                .filter(|&value| parameter.takes(value))
                .ok_or_else(|| bad(value_problem(parameter, text)))?;
        }
        Ok(parsed)
    }

    /// The canonical text of the policy with these values; `None` where it is the name alone.
    fn text(mut self, policy: &str) -> Option<String> {
        let values = Self::KNOWN.iter().zip(self.values());
        let set = values.filter(|(parameter, value)| parameter.default != **value);
        let list: Vec<String> = set.map(|(parameter, value)| format!("{}={value}", parameter.name)).collect();
        (!list.is_empty()).then(|| format!("{policy}({})", list.join(", ")))
    }

    /// An error of this policy.
    fn bad(policy: &str, problem: Problem) -> BadParameter {
        BadParameter { policy: policy.to_owned(), problem, known: Self::KNOWN }
    }
}

fn value_problem(parameter: &Parameter, value: &str) -> Problem {
    Problem::Value { name: parameter.name, value: value.to_owned(), range: parameter.range() }
}

/// A policy without parameters.
impl Tunable for () {
    const KNOWN: &'static [Parameter] = &[];
    const DEFAULT: Self = ();

    fn values(&mut self) -> Vec<&mut Decimal> {
        Vec::new()
    }
}

/// The name of a policy, and what stands between the parentheses behind it, if there are any.
pub(crate) fn split(text: &str) -> (&str, Option<Result<&str, Problem>>) {
    match text.split_once('(') {
        None => (text.trim(), None),
        Some((name, rest)) => (name.trim(), Some(rest.trim_end().strip_suffix(')').ok_or(Problem::Open))),
    }
}

/// The texts of a list: `lru, lirs(hir=0.1, ghosts=4)` has two, for a comma between parentheses separates parameters.
///
/// ```
/// let texts: Vec<_> = host_policy::split_list("lru, lirs(hir=0.1, ghosts=4),arc").collect();
/// assert_eq!(texts, ["lru", "lirs(hir=0.1, ghosts=4)", "arc"]);
/// ```
pub fn split_list(list: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    let texts = list.split(move |character| {
        inside = (inside || character == '(') && character != ')';
        character == ',' && !inside
    });
    texts.map(str::trim)
}

/// As names are written: lower case, with hyphens.
pub(crate) fn folded(name: &str) -> String {
    name.to_lowercase().replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::{Decimal, NotDecimal};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_decimal_is_read_as_it_is_written(millionths: u32) {
            let decimal = Decimal { millionths };
            prop_assert_eq!(decimal.to_string().parse(), Ok(decimal));
        }
    }

    #[test]
    fn a_decimal_is_a_plain_number() {
        for (text, millionths) in [("0", 0), ("4", 4_000_000), ("0.000001", 1), ("007.50", 7_500_000)] {
            assert_eq!(text.parse(), Ok(Decimal { millionths }), "{text}");
        }
        for text in [
            "",
            ".",
            ".5",
            "5.",
            "+1",
            "-1",
            "1e3",
            "0.0000001",
            "4295",
            "4294.967296",
            "99999999999",
            "0,5",
            "NaN",
        ] {
            assert_eq!(text.parse::<Decimal>(), Err(NotDecimal), "{text}");
        }
    }

    #[test]
    fn a_share_is_rounded_down() {
        assert_eq!(Decimal::percent(10).of(19), 1);
        assert_eq!(Decimal::percent(10).rest().of(19), 17);
        assert_eq!(Decimal::whole(4).of(u64::MAX), u64::MAX);
        assert_eq!(Decimal::percent(150).rest(), Decimal::whole(0));
    }
}
