//! What was found in the accesses, and how often.

/// A pattern that a rule can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Keys at an equal distance.
    Run { stride: i64, depth: u32 },
    /// Keys that follow a key.
    Follow { key: u64, targets: Vec<u64> },
}

/// What a rule is about, whatever it loads: two patterns of one subject are one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Stride(i64),
    Key(u64),
}

impl Pattern {
    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Run { stride, .. } => Subject::Stride(*stride),
            Self::Follow { key, .. } => Subject::Key(*key),
        }
    }
}

/// A pattern with the number of accesses that speak for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) pattern: Pattern,
    pub(crate) support: u32,
}
