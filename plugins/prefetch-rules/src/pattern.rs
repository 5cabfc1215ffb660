//! What was found in the accesses, and how often.

/// A pattern that a rule can be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// Keys at an equal distance: the host finds them, and by how much.
    Streams { depth: u32 },
    /// Keys that miss together with others: the host mines them.
    Mined,
    /// Keys that come in the order in which they came before: the host finds them.
    Replays { depth: u32 },
    /// Keys that follow a key.
    Follow { key: u64, targets: Vec<u64> },
}

/// What a rule is about, whatever it loads: two patterns of one subject are one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Subject {
    Streams,
    Mined,
    Replays,
    Key(u64),
}

impl Pattern {
    pub(crate) fn subject(&self) -> Subject {
        match self {
            Self::Streams { .. } => Subject::Streams,
            Self::Mined => Subject::Mined,
            Self::Replays { .. } => Subject::Replays,
            Self::Follow { key, .. } => Subject::Key(*key),
        }
    }
}

/// What the host finds by itself, at access time: the rules for it stand from the first tick. Distances mean something only
/// where keys keep an order.
pub(crate) fn native(keys_ordered: bool, depth: u32) -> Vec<Found> {
    let streams = keys_ordered.then_some(Pattern::Streams { depth });
    let patterns = streams.into_iter().chain([Pattern::Replays { depth }, Pattern::Mined]);
    patterns.map(|pattern| Found { pattern, support: u32::MAX }).collect()
}

/// A pattern with the number of accesses that speak for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) pattern: Pattern,
    pub(crate) support: u32,
}
