//! The policies of this crate.
//!
//! How many percent of LRU's misses each removes, in the mean over 39 rows of twelve traces, and over the 20 of them that
//! are not of the LIRS paper, by `cargo run --release -p host-simulator --example reduction -- ../shared/traces POLICY`:
//!
//! | policy | 39 rows | 20 rows | with other parameters | 39 rows | 20 rows |
//! |---|---:|---:|---|---:|---:|
//! | `lfu` | -16.20 | -14.25 | | | |
//! | `fifo` | -6.25 | -2.56 | | | |
//! | `sieve` | -2.99 | -6.47 | | | |
//! | `2q` | 1.65 | 1.06 | `2q(out=2)` | 3.77 | 1.28 |
//! | `arc` | 3.54 | 2.33 | | | |
//! | `w-tinylfu` | 3.95 | -4.80 | `w-tinylfu(window=0.2)` | 6.16 | -0.04 |
//! | `lirs` | 4.98 | -4.49 | `lirs(hir=0.1, ghosts=4)` | 7.88 | -0.23 |
//! | `clock2q-plus` | 6.37 | -0.52 | `clock2q-plus(ghosts=2)` | 7.26 | 0.23 |
//! | `w-tinylfu-climb` | 7.11 | 0.26 | `w-tinylfu-climb(window=0.2)` | 7.45 | 2.00 |
//! | `s4-fifo` | 7.13 | 0.19 | `s4-fifo(small=0.3, ghosts=3)` | 5.62 | 2.65 |
//! | `s3-fifo` | 7.17 | 0.16 | `s3-fifo(small=0.25, ghosts=2)` | 6.40 | 1.94 |
//!
//! ```
//! use host_policy::builtin;
//!
//! let names = builtin::ALL.map(|policy| policy.name().to_owned());
//! assert_eq!(names.join(" "), "lru fifo lfu arc sieve s3-fifo w-tinylfu lirs 2q");
//! let names = builtin::MORE.map(|policy| policy.name().to_owned());
//! assert_eq!(names.join(" "), "s4-fifo clock2q-plus w-tinylfu-climb");
//! ```

use crate::factory::{PolicyFactory, Visitor};
use crate::parameters::{BadParameter, Parameter, Tunable};
use crate::{
    Adaptive, Clock2QPlus, Fifo, GhostStore, Lfu, Lirs, Lru, S3Fifo, S4Fifo, Sieve, TwoQ, WTinyLfu,
    clock2q_plus, lirs, s3_fifo, s4_fifo, two_q, w_tinylfu,
};

/// Least recently used.
pub const LRU: PolicyFactory = PolicyFactory::built_in(BuiltIn::Lru);
/// First in, first out.
pub const FIFO: PolicyFactory = PolicyFactory::built_in(BuiltIn::Fifo);
/// Least frequently used while resident; ties: least recently used.
pub const LFU: PolicyFactory = PolicyFactory::built_in(BuiltIn::Lfu);
/// Adaptive replacement cache (Megiddo and Modha, FAST 2003).
pub const ARC: PolicyFactory = PolicyFactory::built_in(BuiltIn::Arc);
/// A queue with one hand and an access bit (Zhang et al., NSDI 2024).
pub const SIEVE: PolicyFactory = PolicyFactory::built_in(BuiltIn::Sieve);
/// Three FIFO queues (Yang et al., SOSP 2023).
pub const S3_FIFO: PolicyFactory = PolicyFactory::built_in(BuiltIn::S3Fifo(s3_fifo::Parameters::DEFAULT));
/// A window, then a segmented LRU that admits by frequency (Einziger, Friedman, Manes, TOS 2017).
pub const W_TINYLFU: PolicyFactory =
    PolicyFactory::built_in(BuiltIn::WTinyLfu(w_tinylfu::Parameters::DEFAULT));
/// Low inter-reference recency set (Jiang and Zhang, SIGMETRICS 2002).
pub const LIRS: PolicyFactory = PolicyFactory::built_in(BuiltIn::Lirs(lirs::Parameters::DEFAULT));
/// A queue for newcomers before an LRU list (Johnson and Shasha, VLDB 1994): the full version.
pub const TWO_Q: PolicyFactory = PolicyFactory::built_in(BuiltIn::TwoQ(two_q::Parameters::DEFAULT));
/// S3-FIFO in whose newest part hits do not count (Xia et al., OSDI 2026).
pub const S4_FIFO: PolicyFactory = PolicyFactory::built_in(BuiltIn::S4Fifo(s4_fifo::Parameters::DEFAULT));
/// A small queue with a correlation window before a clock (Zhai et al., VLDB 2026).
pub const CLOCK2Q_PLUS: PolicyFactory =
    PolicyFactory::built_in(BuiltIn::Clock2QPlus(clock2q_plus::Parameters::DEFAULT));
/// W-TinyLFU whose window follows the hit ratio (Einziger, Eytan, Friedman, Manes, Middleware 2018).
pub const W_TINYLFU_CLIMB: PolicyFactory =
    PolicyFactory::built_in(BuiltIn::WTinyLfuClimb(w_tinylfu::Parameters::DEFAULT));

/// One policy of each idea, in the order of their declaration.
pub const ALL: [PolicyFactory; 9] = [LRU, FIFO, LFU, ARC, SIEVE, S3_FIFO, W_TINYLFU, LIRS, TWO_Q];

/// Descendants of those in [`ALL`], in the order of their declaration.
pub const MORE: [PolicyFactory; 3] = [S4_FIFO, CLOCK2Q_PLUS, W_TINYLFU_CLIMB];

/// The policies that shadows follow by default: they cover recency, frequency and the balance of the
/// two, and each further one costs a shadow for each capacity followed.
pub const BASIC: [PolicyFactory; 3] = [LRU, LFU, ARC];

/// A policy of this crate with its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    Lru,
    Fifo,
    Lfu,
    Arc,
    Sieve,
    S3Fifo(s3_fifo::Parameters),
    WTinyLfu(w_tinylfu::Parameters),
    Lirs(lirs::Parameters),
    TwoQ(two_q::Parameters),
    S4Fifo(s4_fifo::Parameters),
    Clock2QPlus(clock2q_plus::Parameters),
    WTinyLfuClimb(w_tinylfu::Parameters),
}

impl BuiltIn {
    /// The name without parameters.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Fifo => "fifo",
            Self::Lfu => "lfu",
            Self::Arc => "arc",
            Self::Sieve => "sieve",
            Self::S3Fifo(_) => "s3-fifo",
            Self::WTinyLfu(_) => "w-tinylfu",
            Self::Lirs(_) => "lirs",
            Self::TwoQ(_) => "2q",
            Self::S4Fifo(_) => "s4-fifo",
            Self::Clock2QPlus(_) => "clock2q-plus",
            Self::WTinyLfuClimb(_) => "w-tinylfu-climb",
        }
    }

    /// The parameters that it has.
    pub(crate) const fn parameters(self) -> &'static [Parameter] {
        match self {
            Self::Lru | Self::Fifo | Self::Lfu | Self::Arc | Self::Sieve => <()>::KNOWN,
            Self::S3Fifo(_) => s3_fifo::Parameters::KNOWN,
            Self::WTinyLfu(_) | Self::WTinyLfuClimb(_) => w_tinylfu::Parameters::KNOWN,
            Self::Lirs(_) => lirs::Parameters::KNOWN,
            Self::TwoQ(_) => two_q::Parameters::KNOWN,
            Self::S4Fifo(_) => s4_fifo::Parameters::KNOWN,
            Self::Clock2QPlus(_) => clock2q_plus::Parameters::KNOWN,
        }
    }

    /// The same policy with the parameters of this list, and the others at their defaults.
    pub(crate) fn parse(self, list: &str) -> Result<Self, BadParameter> {
        let name = self.name();
        Ok(match self {
            Self::Lru | Self::Fifo | Self::Lfu | Self::Arc | Self::Sieve => {
                <()>::parse(name, list).map(|()| self)?
            }
            Self::S3Fifo(_) => Self::S3Fifo(Tunable::parse(name, list)?),
            Self::WTinyLfu(_) => Self::WTinyLfu(Tunable::parse(name, list)?),
            Self::Lirs(_) => Self::Lirs(Tunable::parse(name, list)?),
            Self::TwoQ(_) => Self::TwoQ(Tunable::parse(name, list)?),
            Self::S4Fifo(_) => Self::S4Fifo(Tunable::parse(name, list)?),
            Self::Clock2QPlus(_) => Self::Clock2QPlus(Tunable::parse(name, list)?),
            Self::WTinyLfuClimb(_) => Self::WTinyLfuClimb(Tunable::parse(name, list)?),
        })
    }

    /// The canonical text, where it is more than the name.
    pub(crate) fn text(self) -> Option<String> {
        let name = self.name();
        match self {
            Self::Lru | Self::Fifo | Self::Lfu | Self::Arc | Self::Sieve => None,
            Self::S3Fifo(parameters) => parameters.text(name),
            Self::WTinyLfu(parameters) | Self::WTinyLfuClimb(parameters) => parameters.text(name),
            Self::Lirs(parameters) => parameters.text(name),
            Self::TwoQ(parameters) => parameters.text(name),
            Self::S4Fifo(parameters) => parameters.text(name),
            Self::Clock2QPlus(parameters) => parameters.text(name),
        }
    }

    /// Hands an empty policy to the visitor.
    pub(crate) fn visit<G: GhostStore, V: Visitor>(self, capacity: u64, visitor: V) -> V::Output {
        match self {
            Self::Lru => visitor.visit(Lru::new()),
            Self::Fifo => visitor.visit(Fifo::new()),
            Self::Lfu => visitor.visit(Lfu::new()),
            Self::Arc => visitor.visit(Adaptive::<G>::with_ghosts(capacity)),
            Self::Sieve => visitor.visit(Sieve::new()),
            Self::S3Fifo(parameters) => visitor.visit(S3Fifo::<G>::with(capacity, parameters)),
            Self::WTinyLfu(parameters) => visitor.visit(WTinyLfu::with(capacity, parameters)),
            Self::Lirs(parameters) => visitor.visit(Lirs::<G>::with(capacity, parameters)),
            Self::TwoQ(parameters) => visitor.visit(TwoQ::<G>::with(capacity, parameters)),
            Self::S4Fifo(parameters) => visitor.visit(S4Fifo::<G>::with(capacity, parameters)),
            Self::Clock2QPlus(parameters) => visitor.visit(Clock2QPlus::<G>::with(capacity, parameters)),
            Self::WTinyLfuClimb(parameters) => visitor.visit(WTinyLfu::climbing(capacity, parameters)),
        }
    }
}
