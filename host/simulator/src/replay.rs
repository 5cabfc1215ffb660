//! Requests through one policy at one capacity: the simulator's inner loop.
//!
//! It gives the hits of a cache that drives the policy one request at a time, and is several times as fast:
//!
//! - it is compiled for each policy, so that nothing in the loop is called through a pointer;
//! - keys are numbered, and finding an entry is one look into an array ([`Replay::numbered`]); where there are too many
//!   keys for that, hashed keys are found through a table of the residents ([`Replay::hashed`]);
//! - what a policy remembers of evicted entries stays in their slots ([`PolicyFactory::visit_in_slots`]): the look that
//!   finds an entry finds its ghost as well, without a hash;
//! - requests are known ahead. A batch of them is looked up before it is applied, without waiting for one another, so
//!   that the memory they need is on its way when they are applied. What was seen may have changed by then; it is
//!   looked up again, and only the time depends on it.
//!
//! A built-in policy cannot fail: an entry heavier than the capacity is a miss and is not stored. One that is told of
//! [batches](host_policy::batched), as a component is, runs through a loop of its own, and may.

mod batched;
mod entries;
mod index;

use host_policy::batched::Opening;
use host_policy::{MOST_CAPACITY, PolicyFactory, ReplayPolicy, Visitor};

use batched::{Batched, ByHash, ByNumber, Slots};
use entries::{Unit, Weighed};
use index::{Hashed, Index, Numbered};

/// The hits and bytes of some requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that found their entry.
    pub hits: u64,
    /// Bytes of the requests; 0 where no sizes were given.
    pub bytes: u64,
    /// Bytes of the requests that missed; 0 where no sizes were given.
    pub bytes_missed: u64,
}

/// Why a policy cannot be replayed any further. Only one of another program fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyFault(pub(crate) String);

/// What an entry weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weigh {
    /// Every entry 1: the capacity is in objects.
    Objects,
    /// Every entry its size, at least 1: the capacity is in bytes.
    Bytes,
}

/// A policy at a capacity, to be fed with requests in order.
///
/// ```
/// use host_simulator::{Replay, Weigh, builtin};
///
/// let mut replay = Replay::numbered(&builtin::LRU, 2, Weigh::Objects);
/// replay.learn(&[0xfeed, 0xbeef, 0xcafe]); // the hashed keys, by number
/// assert_eq!(replay.feed(&[0, 1, 0, 2], &[])?.hits, 1);
/// assert_eq!(replay.feed(&[1, 2], &[])?.hits, 1); // 1 went when 2 came, and took the place of 0
/// # Ok::<(), host_simulator::PolicyFault>(())
/// ```
pub struct Replay<Key>(Result<Box<dyn Feed<Key>>, PolicyFault>);

impl Replay<u32> {
    /// An empty cache whose requests are numbers of keys, fewer than 2^31 of them. Each key has to be
    /// [learned](Self::learn) before it is requested. `capacity` is in the unit of `weigh`; over 2^62 counts as 2^62.
    /// Costs 12 bytes a key besides what residents need.
    #[must_use]
    pub fn numbered(policy: &PolicyFactory, capacity: u64, weigh: Weigh) -> Self {
        Self(start(policy, capacity, weigh, (Numbered::default(), ByNumber::default())))
    }

    /// Takes the hashes of the keys with the next numbers, 0 being the first. No two are equal.
    pub fn learn(&mut self, ids: &[u64]) {
        if let Ok(feed) = &mut self.0 {
            feed.learn(ids);
        }
    }
}

impl Replay<u64> {
    /// An empty cache whose requests are hashed keys. Costs nothing for keys that are neither resident nor remembered by
    /// the policy.
    #[must_use]
    pub fn hashed(policy: &PolicyFactory, capacity: u64, weigh: Weigh) -> Self {
        Self(start(policy, capacity, weigh, (Hashed::default(), ByHash::default())))
    }
}

impl<Key> Replay<Key> {
    /// Applies requests in order. `sizes` has one for each, or is empty; where it is empty, or a size 0, the size counts
    /// as 1. A hit keeps the weight the entry was stored with.
    ///
    /// # Errors
    /// The policy failed, and fails from then on.
    ///
    /// # Panics
    /// If a request is a number that was not learned.
    pub fn feed(&mut self, requests: &[Key], sizes: &[u32]) -> Result<Tally, PolicyFault> {
        let fed = match &mut self.0 {
            Ok(feed) => feed.feed(requests, sizes),
            Err(fault) => return Err(fault.clone()),
        };
        if let Err(fault) = &fed {
            self.0 = Err(fault.clone());
        }
        fed
    }
}

impl<Key> std::fmt::Debug for Replay<Key> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").finish_non_exhaustive()
    }
}

/// One dynamic call for many requests.
trait Feed<Key>: Send {
    fn feed(&mut self, requests: &[Key], sizes: &[u32]) -> Result<Tally, PolicyFault>;
    fn learn(&mut self, ids: &[u64]);
}

/// The seed of a policy that needs chance: a replay gives the same rows twice.
const SEED: u64 = 1;

fn start<I, S>(
    policy: &PolicyFactory,
    capacity: u64,
    weigh: Weigh,
    (index, slots): (I, S),
) -> Result<Box<dyn Feed<I::Key>>, PolicyFault>
where
    I: Index + Send + 'static,
    S: Slots<Key = I::Key> + 'static,
{
    let capacity = capacity.min(MOST_CAPACITY);
    let opening = Opening { capacity: capacity.max(1), weighed: weigh == Weigh::Bytes, seed: SEED };
    match policy.open_batched(opening) {
        Some(Ok(policy)) => Ok(Box::new(Batched::new(policy, slots, capacity, weigh))),
        Some(Err(reason)) => Err(PolicyFault(reason)),
        None => Ok(policy.visit_in_slots(capacity, Start { capacity, weigh, index })),
    }
}

struct Start<I> {
    capacity: u64,
    weigh: Weigh,
    index: I,
}

impl<I: Index + Send + 'static> Visitor for Start<I> {
    type Output = Box<dyn Feed<I::Key>>;

    fn visit<P: ReplayPolicy + 'static>(self, policy: P) -> Self::Output {
        let Self { capacity, weigh, index } = self;
        match weigh {
            Weigh::Objects => Box::new(Unit { policy, index, room: capacity }),
            Weigh::Bytes => Box::new(Weighed {
                policy,
                index,
                capacity,
                room: capacity,
                weights: Vec::new(),
                free: Vec::new(),
            }),
        }
    }
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.hits += more.hits;
        self.bytes += more.bytes;
        self.bytes_missed += more.bytes_missed;
    }
}

impl Tally {
    #[inline]
    pub(crate) fn count(&mut self, hit: bool, size: u32) {
        let size = u64::from(size);
        self.hits += u64::from(hit);
        self.bytes += size;
        self.bytes_missed += if hit { 0 } else { size };
    }
}
