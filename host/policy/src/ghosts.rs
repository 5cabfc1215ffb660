//! Ghosts: what is remembered of evicted entries, oldest first: ARC's B1 and B2, 2Q's A1out, S3-FIFO's G, LIRS's
//! non-resident blocks.
//!
//! There are two ghost stores, and a policy is written once for both. A live cache forgets an evicted key, so its policy
//! keeps a fingerprint of each ghost's hash ([`ByHash`]). A replay keeps every key anyway, so it can leave an evicted one
//! in its slot ([`InSlot`]): looking up a ghost then costs nothing, and an eviction moves a slot from one list to
//! another, as in the papers.

mod by_hash;
mod in_slot;

pub use by_hash::ByHash;
pub use in_slot::InSlot;

use crate::list::Nodes;
use crate::weights::Weights;
use std::fmt::Debug;

/// A ghost store: [`ByHash`] or [`InSlot`].
///
/// A queue of ghosts may keep a payload with each, `T`: a few bytes of the policy's own. `nodes` and `weights` are those of the
/// policy's entries.
pub trait GhostStore: Debug + Clone + Send + Sized + 'static {
    /// What identifies an incoming entry.
    type Fingerprint: Copy + Debug + PartialEq + Send;
    /// Ghosts, oldest first.
    type Queue<T: Copy + Debug + Send>: Debug + Clone + Send;

    /// An empty store.
    fn new() -> Self;
    /// An empty queue.
    fn queue<T: Copy + Debug + Send>() -> Self::Queue<T>;

    /// The fingerprint of the entry that was announced with this id.
    fn fingerprint(&self, id: u64) -> Self::Fingerprint;
    /// Stores the fingerprint of an entry that gets this slot.
    fn hold(&mut self, slot: u32, fingerprint: Self::Fingerprint);

    /// Makes room for so many ghosts at once. A cache that is full has no memory to grow in: what a queue that grows step by
    /// step leaves behind lies idle there.
    fn expect<T: Copy + Debug + Send>(queue: &mut Self::Queue<T>, ghosts: u64);
    /// Sum of the weights that the ghosts had when they were evicted. One of 2^32 and more counts as one less than that.
    fn weight<T: Copy + Debug + Send>(queue: &Self::Queue<T>) -> u64;
    /// Makes what is in a slot, and in no list any more, the newest ghost.
    fn remember<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        slot: u32,
        weight: u64,
        payload: T,
    );
    /// Forgets a ghost and returns its payload; `None` when it is none. `mine` tells for a slot's data whether its ghost is
    /// in this queue, where there are several.
    fn forget<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        weights: &Weights,
        fingerprint: Self::Fingerprint,
        mine: impl Fn(&D) -> bool,
    ) -> Option<T>;
    /// Forgets the oldest ghost; false when there is none.
    fn drop_oldest<D: Clone, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        weights: &Weights,
    ) -> bool;
    /// Forgets the oldest ghosts until no more than `weight` is left.
    #[inline]
    fn limit<D: Clone, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        weights: &Weights,
        weight: u64,
    ) {
        while Self::weight(queue) > weight && self.drop_oldest(queue, nodes, weights) {}
    }
    /// The payload of the oldest ghost.
    fn oldest<D: Carry<T>, T: Copy + Debug + Send>(queue: &Self::Queue<T>, nodes: &Nodes<D>) -> Option<T>;
    /// Changes every payload, from the oldest ghost to the newest.
    fn for_each_payload<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        change: impl FnMut(T) -> T,
    );

    /// Prefetches what [`forget`](Self::forget) will need.
    fn fetch_lookup<T: Copy + Debug + Send>(queue: &Self::Queue<T>, fingerprint: Self::Fingerprint);
    /// Prefetches what is kept of the entry in a slot, for a later [`fetch_remember`](Self::fetch_remember), which reads it.
    fn fetch_held(&self, slot: u32);
    /// Prefetches what [`remember`](Self::remember) will need.
    fn fetch_remember<T: Copy + Debug + Send>(&self, queue: &Self::Queue<T>, slot: u32);

    /// Before a victim is chosen: it leaves no ghost unless it is [remembered](Self::remember).
    fn choose(&mut self);

    /// The store itself, if ghosts stay in their slots.
    fn in_slots(&mut self) -> Option<&mut InSlot>;

    /// The same by hash, for an owner that forgets evicted keys. `ids` has the hash of what is in each slot.
    fn by_hash(&self, ids: &[u64]) -> ByHash;
    /// The same queue by hash.
    fn queue_by_hash<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &Self::Queue<T>,
        nodes: &Nodes<D>,
        weights: &Weights,
        ids: &[u64],
    ) -> <ByHash as GhostStore>::Queue<T>;
}

/// What a ghost of this weight counts as: a weight that does not fit in four bytes is the largest that does. The weights of ghosts
/// bound what is remembered, and eight bytes for each would be a third of what a ghost takes.
#[inline]
fn counted(weight: u64) -> u32 {
    u32::try_from(weight).unwrap_or(u32::MAX)
}

/// The data of a slot, which has room for the payload of a ghost.
pub trait Carry<T>: Clone {
    /// The payload of the ghost in this slot.
    fn payload(&self) -> T;
    /// Sets it.
    fn set_payload(&mut self, payload: T);
}

impl<D: Clone> Carry<()> for D {
    #[inline]
    fn payload(&self) {}
    #[inline]
    fn set_payload(&mut self, (): ()) {}
}
