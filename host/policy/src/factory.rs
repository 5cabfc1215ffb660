//! A policy's name with the way to build it.
//!
//! A [`PolicyFactory`] is what a cache, a shadow and the simulator are given: it makes an empty policy for a capacity,
//! or one that takes over the entries of another. Built-in policies and those of other programs have the same
//! interface. The one difference is [`visit_in_slots`](PolicyFactory::visit_in_slots), by which the simulator and the shadows
//! compile their loops for each built-in type; any other policy is called through a pointer there, and decides the same.

use std::fmt;
use std::sync::Arc;

use crate::batched::{BatchedPolicy, Deferred, Live, Opening, Stepwise};
use crate::builtin::BuiltIn;
use crate::parameters::{BadParameter, Parameter, Tunable as _};
use crate::{
    ByHash, ExportedEntry, GhostStore, ImportedEntry, InSlot, Policy, Preparation, ReplayPolicy, Slot,
};

/// Makes a policy for a capacity, in the unit of the weights.
type Constructor = dyn Fn(u64) -> Box<dyn Policy> + Send + Sync;

/// Opens a batched policy.
type Opener = dyn Fn(Opening) -> Result<Box<dyn BatchedPolicy>, String> + Send + Sync;

/// A policy's name with the way to build it. Cheap to clone.
///
/// Two are equal where both are the same built-in policy with the same parameters, so that their names are equal, or
/// clones of one factory: a new constructor under an old name is another policy.
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
    Tuned(Arc<Tuned>),
    Other(Arc<Other>),
    Batched(Arc<Batched>),
}

/// A policy that is told of batches.
struct Batched {
    name: String,
    open: Box<Opener>,
}

struct Other {
    name: String,
    build: Box<Constructor>,
}

/// A built-in policy with parameters that are not the defaults.
struct Tuned {
    /// The canonical text.
    name: String,
    policy: BuiltIn,
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

    /// A policy called `name` that is told of [batches](crate::batched). Where `open`, or the policy later, fails, the policy
    /// names no victim, and the cache falls back to another one.
    pub fn batched(
        name: impl Into<String>,
        open: impl Fn(Opening) -> Result<Box<dyn BatchedPolicy>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Kind::Batched(Arc::new(Batched { name: name.into(), open: Box::new(open) })))
    }

    /// Opens the policy to be told of batches; `None` where it is not one of those.
    #[must_use]
    pub fn open_batched(&self, opening: Opening) -> Option<Result<Box<dyn BatchedPolicy>, String>> {
        match &self.0 {
            Kind::Batched(batched) => Some((batched.open)(opening)),
            Kind::BuiltIn(_) | Kind::Tuned(_) | Kind::Other(_) => None,
        }
    }

    pub(crate) const fn built_in(policy: BuiltIn) -> Self {
        Self(Kind::BuiltIn(policy))
    }

    /// The same policy with the parameters of a list such as `hir=0.1, ghosts=4`. Those that are not in it have their
    /// defaults, whatever they are here. Only built-in policies have parameters.
    ///
    /// ```
    /// use host_policy::builtin;
    ///
    /// let lirs = builtin::LIRS.with_parameters("ghosts = 4.0, hir=0.01")?;
    /// assert_eq!(lirs.name(), "lirs(ghosts=4)"); // 0.01 is the default of hir
    /// assert_eq!(lirs, builtin::LIRS.with_parameters("ghosts=4")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BadParameter`]: there is no such parameter, or it does not take the value.
    pub fn with_parameters(&self, list: &str) -> Result<Self, BadParameter> {
        let Some(policy) = self.as_built_in() else {
            return <()>::parse(self.name(), list).map(|()| self.clone());
        };
        let policy = policy.parse(list)?;
        let tuned = |name| Kind::Tuned(Arc::new(Tuned { name, policy }));
        Ok(Self(policy.text().map_or(Kind::BuiltIn(policy), tuned)))
    }

    /// The parameters that the policy has, in the order of its name.
    #[must_use]
    pub fn parameters(&self) -> &'static [Parameter] {
        match &self.0 {
            Kind::BuiltIn(policy) => policy.parameters(),
            Kind::Tuned(tuned) => tuned.policy.parameters(),
            Kind::Other(_) | Kind::Batched(_) => &[],
        }
    }

    fn as_built_in(&self) -> Option<BuiltIn> {
        match &self.0 {
            Kind::BuiltIn(policy) => Some(*policy),
            Kind::Tuned(tuned) => Some(tuned.policy),
            Kind::Other(_) | Kind::Batched(_) => None,
        }
    }

    /// The name by which the policy is written and read: `lirs`, or `lirs(ghosts=4)` with the parameters that are not
    /// the defaults.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::BuiltIn(policy) => policy.name(),
            Kind::Tuned(tuned) => &tuned.name,
            Kind::Other(other) => &other.name,
            Kind::Batched(batched) => &batched.name,
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
            Kind::Tuned(tuned) => tuned.policy.visit::<ByHash, _>(capacity, Boxed),
            Kind::Other(other) => (other.build)(capacity),
            Kind::Batched(batched) => Box::new(batched.stepwise(capacity)),
        }
    }

    /// An empty policy for a cache that several threads use. One that is told of batches is not called from within the
    /// owner's calls here: it [defers its work](Policy::take_deferred). `weighed` says whether entries differ in weight.
    ///
    /// This opens the policy, and takes as long as that takes: the owner holds no lock.
    #[must_use]
    pub fn build_live(&self, capacity: u64, weighed: bool) -> Box<dyn Policy> {
        match &self.0 {
            Kind::Batched(batched) => {
                Box::new(Live::open(&*batched.open, Opening { capacity, weighed, seed: SEED }))
            }
            Kind::BuiltIn(_) | Kind::Tuned(_) | Kind::Other(_) => self.build(capacity),
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
            Kind::Tuned(tuned) => tuned.policy.visit::<G, V>(capacity, visitor),
            Kind::Other(other) => visitor.visit((other.build)(capacity)),
            Kind::Batched(batched) => visitor.visit(batched.stepwise(capacity)),
        }
    }
}

/// The seed of a policy that a cache or a shadow opens: whoever needs another one opens it by itself.
const SEED: u64 = 1;

impl Batched {
    fn stepwise(&self, capacity: u64) -> Stepwise {
        let opening = Opening { capacity: capacity.max(1), weighed: true, seed: SEED };
        Stepwise::new((self.open)(opening), opening.capacity, opening.weighed)
    }
}

impl PartialEq for PolicyFactory {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Other(one), Kind::Other(two)) => Arc::ptr_eq(one, two),
            (Kind::Batched(one), Kind::Batched(two)) => Arc::ptr_eq(one, two),
            // None, and so unequal, for one of another program.
            _ => self.as_built_in().is_some() && self.as_built_in() == other.as_built_in(),
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

    fn prepare_miss(&self, id: u64) {
        (**self).prepare_miss(id);
    }

    fn prepare_hit(&self, slot: Slot) {
        (**self).prepare_hit(slot);
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

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        (**self).duplicate()
    }

    fn take_deferred(&mut self) -> Option<Deferred> {
        (**self).take_deferred()
    }

    fn put_back(&mut self, work: Deferred) -> Option<Deferred> {
        (**self).put_back(work)
    }

    fn prepare_export(&mut self) -> Preparation {
        (**self).prepare_export()
    }

    fn fault(&self) -> Option<&str> {
        (**self).fault()
    }

    fn len(&self) -> usize {
        (**self).len()
    }
}

impl ReplayPolicy for Box<dyn Policy> {}

#[cfg(test)]
mod tests {
    use super::PolicyFactory;
    use crate::{Lru, Slot, builtin};

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
    fn parameters_are_part_of_the_name() {
        let lirs = |list| builtin::LIRS.with_parameters(list).unwrap();
        assert_eq!(lirs("ghosts=4,hir=0.1").to_string(), "lirs(hir=0.1, ghosts=4)");
        assert_eq!(lirs(" GHOSTS = 04.00 , hir=0.100 "), lirs("hir=0.1, ghosts=4"));
        assert_ne!(lirs("hir=0.1"), lirs("hir=0.2"));
        assert_ne!(lirs("hir=0.1"), builtin::LIRS);
        assert_eq!((lirs("hir=0.01"), lirs("ghosts=1").name()), (builtin::LIRS, "lirs"));
        // The defaults come back, not what was set before.
        assert_eq!(lirs("hir=0.1").with_parameters("ghosts=4").unwrap().name(), "lirs(ghosts=4)");
    }

    #[test]
    fn every_parameter_takes_its_bounds_and_no_more() {
        for policy in builtin::ALL.iter().chain(&builtin::MORE) {
            for parameter in policy.parameters() {
                let set = |value: String| policy.with_parameters(&format!("{}={value}", parameter.name));
                assert_eq!(set(parameter.default.to_string()).as_ref(), Ok(policy));
                for bound in [parameter.least, parameter.most] {
                    let set = set(bound.to_string()).unwrap();
                    assert_eq!(set.parameters(), policy.parameters());
                    assert!(bound == parameter.default || set.name().contains(parameter.name), "{set}");
                    assert_eq!(set.build(100).victim(), None);
                }
                for value in
                    [format!("{}1", parameter.most), "-1".to_owned(), "many".to_owned(), String::new()]
                {
                    let error = set(value.clone()).unwrap_err().to_string();
                    let text = format!("policy `{policy}`: `{}` cannot be `{value}`: it is ", parameter.name);
                    assert!(error.starts_with(&text), "{error}");
                }
            }
        }
    }

    #[test]
    fn another_program_s_policy_has_no_parameters() {
        let mine = PolicyFactory::new("mine", |_| Box::new(Lru::new()));
        assert_eq!(mine.parameters(), []);
        let error = mine.with_parameters("a=1").unwrap_err();
        assert_eq!(error.to_string(), "policy `mine`: there is no parameter `a`; it has no parameters");
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
