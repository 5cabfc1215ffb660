//! A policy's name with the way to build it.
//!
//! A [`PolicyFactory`] is what a cache, a shadow and the simulator are given: it makes an empty policy for a capacity,
//! or one that takes over the entries of another. Built-in policies and those of other programs have the same
//! interface. The one difference is [`visit_in_slots`](PolicyFactory::visit_in_slots), by which the simulator compiles
//! its loop for each built-in type; any other policy is called through a pointer there, and decides the same.

use std::fmt;
use std::sync::Arc;

use crate::{
    Adaptive, ByHash, ExportedEntry, Fifo, GhostStore, ImportedEntry, InSlot, Lfu, Lirs, Lru, Policy,
    ReplayPolicy, S3Fifo, Sieve, Slot, TwoQ, WTinyLfu,
};

/// Makes a policy for a capacity, in the unit of the weights.
type Constructor = dyn Fn(u64) -> Box<dyn Policy> + Send + Sync;

/// A policy's name with the way to build it. Cheap to clone.
///
/// Two are equal where both are the same built-in policy, or clones of one factory: a new constructor under an old
/// name is another policy.
///
/// ```
/// use host_policy::{Lru, PolicyFactory, builtin};
///
/// let mine = PolicyFactory::new("mine", |_capacity| Box::new(Lru::new()));
/// assert_eq!((mine.name(), mine == mine.clone(), mine == builtin::LRU), ("mine", true, false));
/// ```
#[derive(Clone)]
pub struct PolicyFactory(Kind);

#[derive(Clone)]
enum Kind {
    BuiltIn(BuiltIn),
    Other(Arc<Other>),
}

struct Other {
    name: String,
    build: Box<Constructor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BuiltIn {
    Lru,
    Fifo,
    Lfu,
    Arc,
    Sieve,
    S3Fifo,
    WTinyLfu,
    Lirs,
    TwoQ,
}

/// The policies of this crate.
///
/// ```
/// use host_policy::builtin;
///
/// let names = builtin::ALL.map(|policy| policy.name().to_owned());
/// assert_eq!(names.join(" "), "lru fifo lfu arc sieve s3-fifo w-tinylfu lirs 2q");
/// ```
pub mod builtin {
    use super::{BuiltIn, Kind, PolicyFactory};

    /// Least recently used.
    pub const LRU: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::Lru));
    /// First in, first out.
    pub const FIFO: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::Fifo));
    /// Least frequently used while resident; ties: least recently used.
    pub const LFU: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::Lfu));
    /// Adaptive replacement cache (Megiddo and Modha, FAST 2003).
    pub const ARC: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::Arc));
    /// A queue with one hand and an access bit (Zhang et al., NSDI 2024).
    pub const SIEVE: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::Sieve));
    /// Three FIFO queues (Yang et al., SOSP 2023).
    pub const S3_FIFO: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::S3Fifo));
    /// A window, then a segmented LRU that admits by frequency (Einziger, Friedman, Manes, TOS 2017).
    pub const W_TINYLFU: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::WTinyLfu));
    /// Low inter-reference recency set (Jiang and Zhang, SIGMETRICS 2002).
    pub const LIRS: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::Lirs));
    /// A queue for newcomers before an LRU list (Johnson and Shasha, VLDB 1994): the full version.
    pub const TWO_Q: PolicyFactory = PolicyFactory(Kind::BuiltIn(BuiltIn::TwoQ));

    /// Every built-in policy, in the order of their declaration.
    pub const ALL: [PolicyFactory; 9] = [LRU, FIFO, LFU, ARC, SIEVE, S3_FIFO, W_TINYLFU, LIRS, TWO_Q];

    /// The policies that shadows follow by default: they cover recency, frequency and the balance of the
    /// two, and each further one costs a shadow for each capacity followed.
    pub const BASIC: [PolicyFactory; 3] = [LRU, LFU, ARC];
}

/// What to do with a policy, compiled for its type; see [`PolicyFactory::visit`].
pub trait Visitor {
    /// The result.
    type Output;

    /// Uses an empty policy.
    fn visit<P: ReplayPolicy + 'static>(self, policy: P) -> Self::Output;
}

impl PolicyFactory {
    /// A policy called `name`, which `build` makes for a capacity in the unit of the weights.
    ///
    /// `build` runs inside a cache's lock: it should be short. It cannot return an error. Where it may fail, for example
    /// because it starts a component, it returns a policy that names no victim, and the cache falls back to LRU.
    pub fn new(
        name: impl Into<String>,
        build: impl Fn(u64) -> Box<dyn Policy> + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Other(Arc::new(Other { name: name.into(), build: Box::new(build) })))
    }

    /// The name by which the policy is written and read.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::BuiltIn(policy) => policy.name(),
            Kind::Other(other) => &other.name,
        }
    }

    /// An empty policy for `capacity` (in the unit of the weights).
    #[must_use]
    pub fn build(&self, capacity: u64) -> Box<dyn Policy> {
        struct Boxed;
        impl Visitor for Boxed {
            type Output = Box<dyn Policy>;
            fn visit<P: ReplayPolicy + 'static>(self, policy: P) -> Box<dyn Policy> {
                Box::new(policy)
            }
        }
        match &self.0 {
            Kind::BuiltIn(policy) => policy.visit::<ByHash, _>(capacity, Boxed),
            Kind::Other(other) => (other.build)(capacity),
        }
    }

    /// A policy for `capacity` that takes over `entries`, given from the coldest to the hottest. The
    /// [crate](crate) says how each built-in policy reads them.
    #[must_use]
    pub fn rebuild(&self, capacity: u64, entries: &[ImportedEntry]) -> Box<dyn Policy> {
        let mut policy = self.build(capacity);
        policy.import(entries);
        policy
    }

    /// Hands an empty policy for `capacity` to `visitor`, a built-in one as the type it is: for loops that should be
    /// compiled for each policy.
    pub fn visit<V: Visitor>(&self, capacity: u64, visitor: V) -> V::Output {
        self.visit_with::<ByHash, V>(capacity, visitor)
    }

    /// The same for an owner that leaves evicted entries [in their slots](ReplayPolicy::ghost_slots) as long as they are
    /// remembered, instead of by their hashes. The victims are the same.
    pub fn visit_in_slots<V: Visitor>(&self, capacity: u64, visitor: V) -> V::Output {
        self.visit_with::<InSlot, V>(capacity, visitor)
    }

    fn visit_with<G: GhostStore, V: Visitor>(&self, capacity: u64, visitor: V) -> V::Output {
        match &self.0 {
            Kind::BuiltIn(policy) => policy.visit::<G, V>(capacity, visitor),
            Kind::Other(other) => visitor.visit((other.build)(capacity)),
        }
    }
}

impl BuiltIn {
    const fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Fifo => "fifo",
            Self::Lfu => "lfu",
            Self::Arc => "arc",
            Self::Sieve => "sieve",
            Self::S3Fifo => "s3-fifo",
            Self::WTinyLfu => "w-tinylfu",
            Self::Lirs => "lirs",
            Self::TwoQ => "2q",
        }
    }

    fn visit<G: GhostStore, V: Visitor>(self, capacity: u64, visitor: V) -> V::Output {
        match self {
            Self::Lru => visitor.visit(Lru::new()),
            Self::Fifo => visitor.visit(Fifo::new()),
            Self::Lfu => visitor.visit(Lfu::new()),
            Self::Arc => visitor.visit(Adaptive::<G>::with_ghosts(capacity)),
            Self::Sieve => visitor.visit(Sieve::new()),
            Self::S3Fifo => visitor.visit(S3Fifo::<G>::with_ghosts(capacity)),
            Self::WTinyLfu => visitor.visit(WTinyLfu::new(capacity)),
            Self::Lirs => visitor.visit(Lirs::<G>::with_ghosts(capacity)),
            Self::TwoQ => visitor.visit(TwoQ::<G>::with_ghosts(capacity)),
        }
    }
}

impl PartialEq for PolicyFactory {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::BuiltIn(one), Kind::BuiltIn(two)) => one == two,
            (Kind::Other(one), Kind::Other(two)) => Arc::ptr_eq(one, two),
            (Kind::BuiltIn(_), Kind::Other(_)) | (Kind::Other(_), Kind::BuiltIn(_)) => false,
        }
    }
}

impl Eq for PolicyFactory {}

impl fmt::Display for PolicyFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for PolicyFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a [`Visitor`] gets of a policy that is not built in.
impl Policy for Box<dyn Policy> {
    fn on_hit(&mut self, slot: Slot) {
        (**self).on_hit(slot);
    }

    fn on_hits(&mut self, slots: &[Slot]) {
        (**self).on_hits(slots);
    }

    fn on_miss(&mut self, id: u64, weight: u64) {
        (**self).on_miss(id, weight);
    }

    fn victim(&mut self) -> Option<Slot> {
        (**self).victim()
    }

    fn victims(&mut self, most: usize, victims: &mut Vec<Slot>) {
        (**self).victims(most, victims);
    }

    fn next_victim(&self) -> Option<Slot> {
        (**self).next_victim()
    }

    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        (**self).on_insert(slot, id, weight);
    }

    fn on_remove(&mut self, slot: Slot) {
        (**self).on_remove(slot);
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        (**self).on_reweigh(slot, weight);
    }

    fn set_capacity(&mut self, capacity: u64) {
        (**self).set_capacity(capacity);
    }

    fn export(&self) -> Vec<ExportedEntry> {
        (**self).export()
    }

    fn import(&mut self, entries: &[ImportedEntry]) {
        (**self).import(entries);
    }

    fn len(&self) -> usize {
        (**self).len()
    }
}

impl ReplayPolicy for Box<dyn Policy> {}

#[cfg(test)]
mod tests {
    use super::{PolicyFactory, builtin};
    use crate::{Lru, Slot};

    #[test]
    fn a_factory_is_shown_by_its_name() {
        assert_eq!(format!("{:>5}|{:?}", builtin::LRU, builtin::S3_FIFO), "  lru|s3-fifo");
    }

    #[test]
    fn another_constructor_under_the_same_name_is_another_policy() {
        let lru = || PolicyFactory::new("mine", |_| Box::new(Lru::new()));
        let (one, two) = (lru(), lru());
        assert_eq!(one, one.clone());
        assert_ne!(one, two);
        assert_ne!(PolicyFactory::new("lru", |_| Box::new(Lru::new())), builtin::LRU);
    }

    #[test]
    fn a_constructor_is_told_the_capacity() {
        let most = PolicyFactory::new("most", |capacity| {
            let mut policy = builtin::LRU.build(capacity);
            policy.on_insert(Slot(u32::try_from(capacity).unwrap()), 1, 1);
            policy
        });
        assert_eq!(most.build(7).victim(), Some(Slot(7)));
    }
}
