//! Ghosts: what is remembered of evicted entries, oldest first: ARC's B1 and B2, 2Q's A1out, S3-FIFO's G, LIRS's
//! non-resident blocks.
//!
//! An owner that forgets an evicted key leaves remembering to the policy, which keeps tags of hashes ([`ByHash`]). An
//! owner that has a place for every key anyway can leave an evicted one in its slot ([`InSlot`]): asking for a ghost
//! then costs nothing, and an eviction moves a slot from one list to another, as in the papers. A policy is written
//! once, for either.

mod by_hash;
mod in_slot;

pub use by_hash::ByHash;
pub use in_slot::InSlot;

use crate::list::Nodes;
use crate::weights::Weights;
use std::fmt::Debug;

/// How a policy remembers: [`ByHash`] or [`InSlot`].
///
/// A queue of ghosts may keep a few bytes of the policy's own, `T`, with each. `nodes` and `weights` are those of the
/// policy's entries.
pub trait Memory: Debug + Send + Sized + 'static {
    /// By which an incoming entry is known.
    type Tag: Copy + Debug + PartialEq + Send;
    /// Ghosts, oldest first.
    type Queue<T: Copy + Debug + Send>: Debug + Send;

    /// Remembers nothing.
    fn new() -> Self;
    /// No ghosts.
    fn queue<T: Copy + Debug + Send>() -> Self::Queue<T>;

    /// The tag of the entry that was announced with this id.
    fn tag(&self, id: u64) -> Self::Tag;
    /// Takes the tag of an entry that gets this slot.
    fn hold(&mut self, slot: u32, tag: Self::Tag);

    /// Sum of the weights that the ghosts had when they were evicted.
    fn weight<T: Copy + Debug + Send>(queue: &Self::Queue<T>) -> u64;
    /// Makes what is in a slot, and in no list any more, the newest ghost.
    fn remember<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        slot: u32,
        weight: u64,
        word: T,
    );
    /// Forgets a ghost and gives its word; `None` when it is none. `mine` tells for a slot's data whether its ghost is
    /// in this queue, where there are several.
    fn forget<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        weights: &Weights,
        tag: Self::Tag,
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
    /// The word of the oldest ghost.
    fn oldest<D: Carry<T>, T: Copy + Debug + Send>(queue: &Self::Queue<T>, nodes: &Nodes<D>) -> Option<T>;
    /// Shows every word, from the oldest ghost to the newest, to be changed.
    fn each_word<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &mut Self::Queue<T>,
        nodes: &mut Nodes<D>,
        change: impl FnMut(T) -> T,
    );

    /// Before a victim is chosen: it leaves no ghost unless it is [remembered](Self::remember).
    fn choose(&mut self);

    /// What the owner of the slots has to be asked and told, if ghosts stay in them.
    fn in_slots(&mut self) -> Option<&mut InSlot>;
}

/// The data of a slot, where the word of a ghost finds room.
pub trait Carry<T>: Clone {
    /// The word of the ghost in this slot.
    fn word(&self) -> T;
    /// Sets it.
    fn set_word(&mut self, word: T);
}

impl<D: Clone> Carry<()> for D {
    #[inline]
    fn word(&self) {}
    #[inline]
    fn set_word(&mut self, (): ()) {}
}
