//! Values: as written in a layer, and as understood by the schema.

use std::fmt;
use std::time::Duration;

use host_contract::Grant;
use host_contract::nearest::nearest;
use host_policy::{BadParameter, Registry, UnknownPolicy};
use toml::de::{DeInteger, DeValue};

use crate::bytes::Bytes;
use crate::key::Kind;

/// How a value was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    String,
    Integer,
    Float,
    Boolean,
    List,
    /// A date, a table: never right. The name of it for the error text.
    Other(&'static str),
    /// Text of an environment variable or a flag: it has no type of its own.
    Bare,
}

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Raw {
    shape: Shape,
    text: String,
    items: Vec<Raw>,
}

impl Raw {
    /// A variable's or a flag's value. Quotes and brackets are read as TOML reads them, so that what
    /// was copied from a file works.
    pub(crate) fn bare(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with(['"', '\'', '['])
            && let Ok(value) = DeValue::parse(text)
        {
            return Self::toml(value.get_ref());
        }
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let items = items
            .map(|item| Self { shape: Shape::String, text: item.to_owned(), items: Vec::new() })
            .collect();
        Self { shape: Shape::Bare, text: text.to_owned(), items }
    }

    /// A value of a TOML file.
    pub(crate) fn toml(value: &DeValue<'_>) -> Self {
        let (shape, text, items) = match value {
            DeValue::String(text) => (Shape::String, text.to_string(), Vec::new()),
            DeValue::Integer(number) => (Shape::Integer, decimal(number), Vec::new()),
            DeValue::Float(number) => (Shape::Float, number.to_string(), Vec::new()),
            DeValue::Boolean(flag) => (Shape::Boolean, flag.to_string(), Vec::new()),
            DeValue::Datetime(date) => (Shape::Other("a date"), date.to_string(), Vec::new()),
            DeValue::Table(_) => (Shape::Other("a table"), String::new(), Vec::new()),
            DeValue::Array(items) => {
                (Shape::List, String::new(), items.iter().map(|item| Self::toml(item.get_ref())).collect())
            }
        };
        Self { shape, text, items }
    }

    /// How an error text quotes it.
    pub(crate) fn describe(&self) -> String {
        match self.shape {
            Shape::String | Shape::Bare => format!("{:?}", self.text),
            Shape::Integer | Shape::Float | Shape::Boolean => self.text.clone(),
            Shape::List => "a list".into(),
            Shape::Other(what) => what.into(),
        }
    }
}

/// The number in decimal, whatever base it was written in.
fn decimal(number: &DeInteger<'_>) -> String {
    i128::from_str_radix(number.as_str(), number.radix())
        .map_or_else(|_| number.to_string(), |n| n.to_string())
}

/// A value as understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Flag(bool),
    Count(u64),
    Ratio(f64),
    Bytes(Bytes),
    Span(Duration),
    Grants(Vec<Grant>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Count(count) => write!(f, "{count}"),
            Self::Ratio(ratio) => write!(f, "{ratio}"),
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Span(span) => write!(f, "{}", humantime::format_duration(*span)),
            Self::Grants(grants) => {
                let names: Vec<_> = grants.iter().map(|grant| grant.name()).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// Why a value is not one of its kind.
#[derive(Debug, PartialEq)]
pub(crate) struct Mismatch {
    pub(crate) expected: String,
    pub(crate) got: String,
    pub(crate) nearest: Option<String>,
}

/// Reads a value of this kind; a policy is one of `policies`, and is given its canonical text.
pub(crate) fn read(kind: Kind, raw: &Raw, policies: &Registry) -> Result<Value, Mismatch> {
    let value = match (kind, raw.shape) {
        (Kind::Text, Shape::String | Shape::Bare) => Some(Value::Text(raw.text.clone())),
        (Kind::Scalar, Shape::String | Shape::Integer | Shape::Float | Shape::Boolean | Shape::Bare) => {
            Some(Value::Text(raw.text.clone()))
        }
        (Kind::Flag, Shape::Boolean | Shape::Bare) => raw.text.parse().ok().map(Value::Flag),
        (Kind::Choice(names), Shape::String | Shape::Bare) => {
            names.contains(&raw.text.as_str()).then(|| Value::Text(raw.text.clone()))
        }
        (Kind::Policy, Shape::String | Shape::Bare) => return read_policy(raw, policies),
        (Kind::NativePolicy, Shape::String | Shape::Bare) => return read_policy(raw, &Registry::default()),
        (Kind::Count(min, max), Shape::Integer | Shape::Bare) => raw
            .text
            .replace('_', "")
            .parse()
            .ok()
            .filter(|count| (min..=max).contains(count))
            .map(Value::Count),
        (Kind::Ratio(min, max), Shape::Integer | Shape::Float | Shape::Bare) => {
            raw.text.parse().ok().filter(|ratio| (min..=max).contains(ratio)).map(Value::Ratio)
        }
        (Kind::Bytes(min, max), Shape::String | Shape::Bare) => {
            raw.text.parse().ok().filter(|bytes: &Bytes| (min..=max).contains(&bytes.get())).map(Value::Bytes)
        }
        (Kind::Span(min, max), Shape::String | Shape::Bare) => humantime::parse_duration(raw.text.trim())
            .ok()
            .filter(|span| (min..=max).contains(span))
            .map(Value::Span),
        (Kind::Grants, Shape::List | Shape::Bare) => return read_grants(&raw.items),
        (Kind::Sha256, Shape::String | Shape::Bare) => {
            let text = raw.text.trim().to_ascii_lowercase();
            let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_digest.then_some(Value::Text(text))
        }
        _ => None,
    };
    value.ok_or_else(|| Mismatch {
        expected: expected(kind),
        got: raw.describe(),
        nearest: match kind {
            Kind::Choice(names) => nearest(&raw.text, names.iter().copied()),
            _ => None,
        }
        .map(str::to_owned),
    })
}

fn read_policy(raw: &Raw, policies: &Registry) -> Result<Value, Mismatch> {
    let error = match policies.parse(&raw.text) {
        Ok(policy) => return Ok(Value::Text(policy.name().to_owned())),
        Err(error) => error,
    };
    let nearest = error.suggestion().map(str::to_owned);
    let expected = match error {
        UnknownPolicy::Name { known, .. } => format!("an eviction policy: {}", known.join(", ")),
        UnknownPolicy::Parameter(BadParameter { policy, known: [], .. }) => {
            format!("`{policy}` alone, which has no parameters")
        }
        UnknownPolicy::Parameter(BadParameter { policy, known, .. }) => {
            let known: Vec<_> = known.iter().map(ToString::to_string).collect();
            format!("`{policy}` with parameters that it takes: {}", known.join(", "))
        }
    };
    Err(Mismatch { expected, got: raw.describe(), nearest })
}

fn read_grants(items: &[Raw]) -> Result<Value, Mismatch> {
    let mut grants = Vec::new();
    for item in items {
        let known = if item.shape == Shape::String { Grant::from_name(&item.text) } else { None };
        let Some(grant) = known else {
            return Err(Mismatch {
                expected: expected(Kind::Grants),
                got: item.describe(),
                nearest: nearest(&item.text, Grant::ALL.map(Grant::name)).map(str::to_owned),
            });
        };
        if !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    Ok(Value::Grants(grants))
}

/// What a value of this kind looks like, with unit and range.
fn expected(kind: Kind) -> String {
    match kind {
        Kind::Text => "a text in quotes".into(),
        Kind::Flag => "true or false".into(),
        Kind::Choice([only]) => format!("{only:?}, nothing else is possible for a name"),
        Kind::Choice(names) => format!("one of {}", names.join(", ")),
        Kind::Policy | Kind::NativePolicy => "the name of an eviction policy in quotes".into(),
        Kind::Count(min, max) => format!("a whole number from {min} to {max}"),
        Kind::Ratio(min, max) => format!("a number from {min} to {max}"),
        Kind::Bytes(min, max) => format!(
            "a size with its unit, such as \"260 MB\" or \"1 GiB\", from {} to {}",
            Bytes(min),
            Bytes(max)
        ),
        Kind::Span(min, max) => format!(
            "a duration with its unit, such as \"250 ms\" or \"5 s\", from {} to {}",
            humantime::format_duration(min),
            humantime::format_duration(max)
        ),
        Kind::Grants => format!("a list of grants: {}", Grant::ALL.map(Grant::name).join(", ")),
        Kind::Sha256 => {
            "a SHA-256 digest in quotes, 64 hexadecimal digits, as `host plugin inspect` shows it".into()
        }
        Kind::Scalar => "a text, a number, true or false".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(kind: Kind, text: &str) -> Option<String> {
        read(kind, &Raw::bare(text), &Registry::default()).ok().map(|value| value.to_string())
    }

    #[test]
    fn untyped_text_is_read_as_the_key_wants_it() {
        assert_eq!(bare(Kind::Count(0, 10_000), "1_000").as_deref(), Some("1000"));
        assert_eq!(bare(Kind::Flag, "true").as_deref(), Some("true"));
        assert_eq!(bare(Kind::Flag, "yes"), None);
        assert_eq!(bare(Kind::Policy, "\"lru\"").as_deref(), Some("lru"));
        assert_eq!(bare(Kind::NativePolicy, "sieve").as_deref(), Some("sieve"));
        assert_eq!(bare(Kind::NativePolicy, "plugin:sieve"), None);
        assert_eq!(bare(Kind::Policy, "lirs(hir=0.10)").as_deref(), Some("lirs(hir=0.1)"));
        assert_eq!(bare(Kind::Grants, "metrics, settings").as_deref(), Some("metrics, settings"));
        assert_eq!(bare(Kind::Grants, "[\"metrics\", \"metrics\"]").as_deref(), Some("metrics"));
        assert_eq!(bare(Kind::Grants, "").as_deref(), Some(""));
    }

    #[test]
    fn numbers_that_are_none_never_pass_a_range() {
        for text in ["nan", "inf", "-inf", "0.51", "-0.1", ""] {
            assert_eq!(bare(Kind::Ratio(0.0, 0.5), text), None, "{text}");
        }
        assert_eq!(bare(Kind::Count(0, u64::MAX), "18446744073709551616"), None);
        assert_eq!(bare(Kind::Count(0, u64::MAX), "-1"), None);
    }
}
