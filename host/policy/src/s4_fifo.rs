//! S4-FIFO: S3-FIFO with five parameters, of which one makes it more: hits in the newest part of the small queue do not
//! count.
//!
//! Xia, Nixon, Marthen, Bhandari and Yang, "Learning-Augmented Heuristics: Simple, yet Smart, Robust and Interpretable
//! Cache Eviction", OSDI 2026, section 4 and table 2. The [queues](crate::three_queues) are those of
//! [S3-FIFO](crate::s3_fifo), and so are the defaults of `small`, `ghosts`, `small-to-main` and `ghost-to-main`. Beyond it:
//! - `skip`: a burst of uses right after an insertion is one event, so hits in the newest part of S do not count. The
//!   paper's default is 0, by which S4-FIFO is S3-FIFO; here it is a quarter, as in each of the 18 settings that the
//!   authors kept of the 168 they tried;
//! - `ghost-to-main` = 1: an entry that comes back enters S once more, and M only when it comes back again. That is for
//!   loops a little longer than the cache, in which every entry comes back and none is hotter than the others.
//!
//! The paper's other half, a model that picks the parameters from what it sees of a workload, is no part of this: the
//! parameters are fixed, and choosing among policies is left to a strategy.
//!
//! # Edges
//!
//! - The newest part of S is rounded down to the unit of the weights: in caches of under 40 entries it is empty, and
//!   `small-to-main` alone sifts bursts.
//! - Its size is a share of S's share, whatever S holds. An entry's distance from the newest is the weight that entered S
//!   after it: entries that went to M straight do not age it, and removals do not make it young again.
//! - An entry that enters S a second time begins as the newest. That it was a ghost is forgotten when it moves to M.
//!
//! The last two are those of the authors' simulator (libCacheSim, their revision of 2026) by its source; its figures were
//! not at hand to compare.
//!
//! # Figures
//!
//! Percent of LRU's misses removed, in the mean over 39 rows of twelve traces, and over the 20 of them that are not of the
//! LIRS paper, by `cargo run --release -p host-simulator --example reduction -- ../shared/traces s4-fifo`:
//!
//! | policy | 39 rows | 20 rows |
//! |---|---:|---:|
//! | S3-FIFO, and this with `skip=0` | 7.17 | 0.16 |
//! | this | 7.13 | 0.19 |
//! | `small-to-main=1` | 7.35 | 0.33 |
//! | `small=0.25, ghosts=2` | 6.26 | 1.95 |
//! | `small=0.3, ghosts=3` | 5.62 | 2.65 |
//! | `small=0.3, ghosts=3, ghost-to-main=1` | 6.66 | 2.54 |
//!
//! So the newest quarter alone changes little here, and no size of S is right for all loads.
//!
//! When not to use it: as for S3-FIFO; and a second use that comes early is lost, so that where uses come in pairs and
//! never again S3-FIFO does no better, but where early uses tell of later ones it does.

use crate::ghosts::ByHash;
use crate::parameters::{BadParameter, Decimal, Parameter, Tunable, Values};
use crate::s3_fifo::MOST_HITS;
use crate::three_queues::{Aged, Rounding, Rules, ThreeQueues, Variant};

const SMALL: Parameter =
    Parameter::share("small", Decimal::percent(10), "the small queue's share of the capacity");
const GHOSTS: Parameter =
    Parameter::ghosts(Decimal::percent(90), "what is remembered of evicted entries, in capacities");
const SKIP: Parameter = Parameter {
    name: "skip",
    meaning: "the newest part of the small queue, in which hits do not count",
    default: Decimal::percent(25),
    least: Decimal::whole(0),
    most: Decimal::percent(90),
    values: Values::Any,
};
const SMALL_TO_MAIN: Parameter = Parameter {
    name: "small-to-main",
    meaning: "hits in the small queue that move an entry to the main one",
    default: Decimal::whole(2),
    least: Decimal::whole(1),
    most: Decimal::whole(3),
    values: Values::Whole,
};
const GHOST_TO_MAIN: Parameter = Parameter {
    name: "ghost-to-main",
    meaning: "returns to the small queue before one enters the main queue",
    default: Decimal::whole(0),
    least: Decimal::whole(0),
    most: Decimal::whole(1),
    values: Values::Whole,
};

/// S4-FIFO's parameters. Read from text by [`Registry::parse`](crate::Registry::parse).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    /// S's share of the capacity.
    small: Decimal,
    /// What G may remember, in capacities.
    ghosts: Decimal,
    /// The newest part of S.
    skip: Decimal,
    small_to_main: Decimal,
    ghost_to_main: Decimal,
}

impl Parameters {
    /// Shares: of S in the capacity, of G to the capacity, of the newest part in S. Thresholds: hits in S for M, 1 to 3;
    /// returns to S before one enters M, 0 or 1.
    ///
    /// # Errors
    /// [`BadParameter`]: one is out of range.
    pub fn new(
        [small, ghosts, skip]: [Decimal; 3],
        [small_to_main, ghost_to_main]: [u32; 2],
    ) -> Result<Self, BadParameter> {
        let [small_to_main, ghost_to_main] = [small_to_main, ghost_to_main].map(Decimal::whole);
        Self { small, ghosts, skip, small_to_main, ghost_to_main }.checked("s4-fifo")
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Tunable for Parameters {
    const KNOWN: &'static [Parameter] = &[SMALL, GHOSTS, SKIP, SMALL_TO_MAIN, GHOST_TO_MAIN];
    const DEFAULT: Self = Self {
        small: SMALL.default,
        ghosts: GHOSTS.default,
        skip: SKIP.default,
        small_to_main: SMALL_TO_MAIN.default,
        ghost_to_main: GHOST_TO_MAIN.default,
    };

    fn values(&mut self) -> Vec<&mut Decimal> {
        let Self { small, ghosts, skip, small_to_main, ghost_to_main } = self;
        vec![small, ghosts, skip, small_to_main, ghost_to_main]
    }
}

impl Variant for Parameters {
    type Entry = Aged;

    fn rules(self) -> Rules {
        let Self { small, ghosts, skip, small_to_main, ghost_to_main } = self;
        Rules {
            small,
            ghosts,
            skipped: skip,
            rounding: Rounding::Down,
            to_main: small_to_main.floor(),
            most_hits: MOST_HITS,
            returns: ghost_to_main.floor(),
        }
    }
}

/// The policy; see the [module](self).
pub type S4Fifo<G = ByHash> = ThreeQueues<Parameters, G>;
