//! S3-FIFO: a small queue that newcomers must survive, a main queue, and a queue of ghosts.
//!
//! Yang, Zhang, Qiu, Yue and Rashmi, "FIFO Queues are All You Need for Cache Eviction", SOSP 2023, algorithm 1. The
//! [queues](crate::three_queues) with a tenth of the cache for S; counts up to [`MOST_HITS`]; to M from
//! [`HITS_TO_MAIN`] hits in S; and as many ghosts as M may hold entries ("the same number of ghost entries as M").
//!
//! Two steps are those of the authors' simulator (libCacheSim, their revision of December 2024) instead of the
//! algorithm as printed:
//! - until the first eviction, a newcomer that finds S at its share enters M. As printed ("insert x to head of
//!   S") the whole cache fills as S, and its first content is then sifted by a queue ten times too long: a loop
//!   of twice the cache misses always instead of every other time;
//! - the paper evicts from M inside the move from S to M once M is full; here S and M are looked at anew for
//!   every victim, so that one miss of one unit costs one victim.
//!
//! Sizes are weights, and S's share is at least 1.
//!
//! When not to use it: on reuse that comes just after an entry left S, or twice within S and never again; and in
//! very small caches, where a tenth is an entry or two.

use crate::ghosts::ByHash;
use crate::parameters::{BadParameter, Decimal, Parameter, Tunable};
use crate::three_queues::{Rounding, Rules, ThreeQueues, Variant};

/// The most hits that are counted: two bits.
pub const MOST_HITS: u16 = 3;

/// Hits in S from which an entry moves to M: "accessed more than once".
pub const HITS_TO_MAIN: u16 = 2;

/// S's share (section 4.2 of the paper).
const SMALL: Parameter =
    Parameter::share("small", Decimal::percent(10), "the small queue's share of the capacity");
const GHOSTS: Parameter =
    Parameter::ghosts(Decimal::percent(90), "what is remembered of evicted entries, in capacities");

/// S3-FIFO's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    small: Decimal,
    ghosts: Decimal,
}

impl Parameters {
    /// S's share of the capacity, and what G may remember, in capacities.
    ///
    /// # Errors
    /// [`BadParameter`]: one is out of range.
    pub fn new(small: Decimal, ghosts: Decimal) -> Result<Self, BadParameter> {
        Self { small, ghosts }.checked("s3-fifo")
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Tunable for Parameters {
    const KNOWN: &'static [Parameter] = &[SMALL, GHOSTS];
    const DEFAULT: Self = Self { small: SMALL.default, ghosts: GHOSTS.default };

    fn values(&mut self) -> Vec<&mut Decimal> {
        vec![&mut self.small, &mut self.ghosts]
    }
}

impl Variant for Parameters {
    type Entry = ();

    fn rules(self) -> Rules {
        let Self { small, ghosts } = self;
        Rules {
            small,
            ghosts,
            skipped: Decimal::whole(0),
            rounding: Rounding::Down,
            to_main: HITS_TO_MAIN,
            most_hits: MOST_HITS,
            returns: 0,
        }
    }
}

/// The policy; see the [module](self).
pub type S3Fifo<G = ByHash> = ThreeQueues<Parameters, G>;
