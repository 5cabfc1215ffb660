//! Clock2Q+: a small FIFO queue with a correlation window before a clock.
//!
//! Zhai, Marthen, Balivada, Bojji, Knauft, Rohilla, Zuo, Liu, Austruy, Wang and Yang, "Clock2Q+: A Simple and Efficient
//! Replacement Algorithm for Metadata Cache in VMware vSAN", VLDB 2026 (arXiv:2511.21958), section 3.4. The
//! [queues](crate::three_queues) of S3-FIFO with a small queue of a tenth, ghosts for half of the capacity, and:
//! - uses that come close together are one event (as in 2Q's A1in), so a hit in the newest half of the small queue, the
//!   correlation window, does not set the reference bit. One hit later does, and an entry whose bit is set moves to the
//!   main queue;
//! - the main queue is a clock: the hand clears a bit that is set and goes on. A clock's hand that moves over entries is a
//!   queue whose oldest entry moves to its end.
//!
//! # Edges
//!
//! - The window is rounded up to the unit of the weights. In caches of under 20 entries it is all of the small queue: an
//!   entry enters the main queue when it returns as a ghost, and by no hit while the small queue has its share.
//! - An entry's distance from the newest is the weight that entered the small queue after it; see
//!   [the queues](crate::three_queues).
//! - A ghost that returns enters the main queue, as its newest entry, with its bit clear.
//! - Dirty entries, and a limit to the way of the hand, are the storage system's and not here. Two rounds of the hand are
//!   the most that one victim takes.
//!
//! # Figures
//!
//! The authors' simulator (libCacheSim 0.3.5), told to keep half as ghosts as the paper does, where its default is 90 %,
//! misses the same requests: see `host/simulator/tests/simulator/traces.rs`.
//!
//! Percent of LRU's misses removed, in the mean over 39 rows of twelve traces, and over the 20 of them that are not of the
//! LIRS paper, by `cargo run --release -p host-simulator --example reduction -- ../shared/traces clock2q-plus`:
//!
//! | policy | 39 rows | 20 rows |
//! |---|---:|---:|
//! | S3-FIFO | 7.17 | 0.16 |
//! | this | 6.37 | -0.52 |
//! | `window=0` | 6.40 | -0.55 |
//! | `ghosts=0.9`, libCacheSim's | 7.11 | 0.02 |
//! | `ghosts=2` | 7.26 | 0.23 |
//!
//! When not to use it: where entries are used again only soon, within the window, and by then have to be in the main
//! queue: an entry used often and early, then not until a little after it left the small queue, is lost once.

use crate::ghosts::ByHash;
use crate::parameters::{BadParameter, Decimal, Parameter, Tunable, Values};
use crate::three_queues::{Aged, Rounding, Rules, ThreeQueues, Variant};

const SMALL: Parameter =
    Parameter::share("small", Decimal::percent(10), "the small queue's share of the capacity");
const GHOSTS: Parameter =
    Parameter::ghosts(Decimal::percent(50), "what is remembered of evicted entries, in capacities");
const WINDOW: Parameter = Parameter {
    name: "window",
    meaning: "the newest part of the small queue, in which hits do not count",
    default: Decimal::percent(50),
    least: Decimal::whole(0),
    most: Decimal::percent(90),
    values: Values::Any,
};

/// Clock2Q+'s parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    small: Decimal,
    ghosts: Decimal,
    window: Decimal,
}

impl Parameters {
    /// The small queue's share of the capacity; what is remembered, in capacities; the window's share of the small queue.
    ///
    /// # Errors
    /// [`BadParameter`]: one is out of range.
    pub fn new(small: Decimal, ghosts: Decimal, window: Decimal) -> Result<Self, BadParameter> {
        Self { small, ghosts, window }.checked("clock2q-plus")
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Tunable for Parameters {
    const KNOWN: &'static [Parameter] = &[SMALL, GHOSTS, WINDOW];
    const DEFAULT: Self = Self { small: SMALL.default, ghosts: GHOSTS.default, window: WINDOW.default };

    fn values(&mut self) -> Vec<&mut Decimal> {
        vec![&mut self.small, &mut self.ghosts, &mut self.window]
    }
}

impl Variant for Parameters {
    type Entry = Aged;

    fn rules(self) -> Rules {
        let Self { small, ghosts, window } = self;
        Rules { small, ghosts, skipped: window, rounding: Rounding::Up, to_main: 1, most_hits: 1, returns: 0 }
    }
}

/// The policy; see the [module](self).
pub type Clock2QPlus<G = ByHash> = ThreeQueues<Parameters, G>;
