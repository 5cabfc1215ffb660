//! A key of the schema: its path, and what its value may be.

use std::borrow::Cow;
use std::time::Duration;

/// What a key's value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Any text.
    Text,
    /// `true` or `false`.
    Flag,
    /// One of these names.
    Choice(&'static [&'static str]),
    /// One of the eviction policies that the loader knows.
    Policy,
    /// The name of a policy that is built in.
    NativePolicy,
    /// A whole number in this range.
    Count(u64, u64),
    /// A number in this range.
    Ratio(f64, f64),
    /// A size in bytes in this range.
    Bytes(u64, u64),
    /// A duration in this range.
    Span(Duration, Duration),
    /// A list of grants.
    Grants,
    /// A SHA-256 digest in hexadecimal.
    Sha256,
    /// A string, number or boolean, kept as text: a strategy's own setting.
    Scalar,
}

/// One key of the schema.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Key {
    /// Tables and name, with dots.
    pub(crate) path: Cow<'static, str>,
    /// What it may be.
    pub(crate) kind: Kind,
    /// Whether a hardware overlay lowers it: it bounds what is used of the machine.
    pub(crate) bound: bool,
}

pub(crate) const fn key(path: &'static str, kind: Kind) -> Key {
    Key { path: Cow::Borrowed(path), kind, bound: false }
}

pub(crate) const fn bound(path: &'static str, kind: Kind) -> Key {
    Key { path: Cow::Borrowed(path), kind, bound: true }
}

/// For numbers, where each way to settle rivals makes sense.
pub(crate) const ARBITRATION: Kind = Kind::Choice(&["priority", "min", "max", "mean"]);
/// For names, which have no smallest and no mean.
pub(crate) const BY_PRIORITY: Kind = Kind::Choice(&["priority"]);
