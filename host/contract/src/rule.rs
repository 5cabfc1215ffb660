//! Prefetch rules, as data; mirrors `rule` of `wit/prefetch-control.wit`.

use serde::{Deserialize, Serialize};

use crate::answer::{Acceptance, Refusal};
use crate::number::to_f64;

/// Most targets that an association rule may have.
pub const MAX_TARGETS: usize = 16;

/// Most keys that a sequential rule may stay ahead.
pub const MAX_DEPTH: u32 = 64;

/// What to prefetch, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefetchRule {
    /// A run of keys at equal distances.
    Sequential {
        /// Distance from one key to the next, not 0.
        stride: i64,
        /// Keys to stay ahead, 1 to [`MAX_DEPTH`].
        depth: u32,
    },
    /// Keys that follow a key.
    Association {
        /// The key that triggers the rule.
        key: u64,
        /// What to load, 1 to [`MAX_TARGETS`] keys.
        targets: Vec<u64>,
    },
    /// Keys at an equal distance that the host finds by itself.
    Stream {
        /// Keys to stay ahead, 1 to [`MAX_DEPTH`].
        depth: u32,
    },
    /// What missed together with a key before, as the host mines it.
    Mined,
    /// What came after a key the last time.
    Replay {
        /// Keys to stay ahead, 1 to [`MAX_DEPTH`].
        depth: u32,
    },
}

impl PrefetchRule {
    /// Whether it continues the order of what is asked for: a run, a stream, a repetition. The others load what belongs to a
    /// key, in whatever order.
    #[must_use]
    pub fn continues_order(&self) -> bool {
        match self {
            Self::Sequential { .. } | Self::Stream { .. } | Self::Replay { .. } => true,
            Self::Association { .. } | Self::Mined => false,
        }
    }

    /// The rule within its limits.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] for a stride of 0 and for a rule without targets.
    pub fn admit(self) -> Result<(Self, Acceptance), Refusal> {
        match self {
            Self::Sequential { stride: 0, .. } => Err(Refusal::Invalid("stride is 0".to_owned())),
            Self::Sequential { stride, depth } => {
                let (depth, answer) = within(depth);
                Ok((Self::Sequential { stride, depth }, answer))
            }
            Self::Stream { depth } => {
                let (depth, answer) = within(depth);
                Ok((Self::Stream { depth }, answer))
            }
            Self::Mined => Ok((Self::Mined, Acceptance::Accepted)),
            Self::Replay { depth } => {
                let (depth, answer) = within(depth);
                Ok((Self::Replay { depth }, answer))
            }
            Self::Association { targets, .. } if targets.is_empty() => {
                Err(Refusal::Invalid("no targets".to_owned()))
            }
            Self::Association { key, mut targets } => {
                let asked = targets.len();
                targets.truncate(MAX_TARGETS);
                let kept = u64::try_from(targets.len()).unwrap_or(u64::MAX);
                let answer = if asked == targets.len() {
                    Acceptance::Accepted
                } else {
                    Acceptance::Clamped(to_f64(kept))
                };
                Ok((Self::Association { key, targets }, answer))
            }
        }
    }
}

fn within(depth: u32) -> (u32, Acceptance) {
    let within = depth.clamp(1, MAX_DEPTH);
    (within, if within == depth { Acceptance::Accepted } else { Acceptance::Clamped(f64::from(within)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_hold_and_nonsense_is_refused() {
        let sequential = |stride, depth| PrefetchRule::Sequential { stride, depth };
        assert_eq!(sequential(1, 900).admit(), Ok((sequential(1, MAX_DEPTH), Acceptance::Clamped(64.0))));
        assert_eq!(sequential(-2, 4).admit(), Ok((sequential(-2, 4), Acceptance::Accepted)));
        let replay = |depth| PrefetchRule::Replay { depth };
        assert_eq!(replay(0).admit(), Ok((replay(1), Acceptance::Clamped(1.0))));
        assert!(matches!(sequential(0, 4).admit(), Err(Refusal::Invalid(_))));
        let association = |n| PrefetchRule::Association { key: 7, targets: (0..n).collect() };
        assert_eq!(association(40).admit(), Ok((association(16), Acceptance::Clamped(16.0))));
        assert!(matches!(association(0).admit(), Err(Refusal::Invalid(_))));
    }
}
