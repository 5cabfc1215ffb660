//! A trial of a batched policy, before it is put in charge of a cache: requests over a small cache of nothing, and a change to
//! another instance of it.

use std::collections::HashMap;

use crate::mix::mix;
use crate::{ImportedEntry, Policy, PolicyFactory, Preparation, Slot, reconcile};

/// What the owner has room for; entries that are not weighed weigh 1.
const CAPACITY: u64 = 600;

/// Requests to the first instance, and to the one that takes over from it.
const REQUESTS: [u64; 2] = [4_000, 2_000];

/// Why a policy cannot be put in charge of a cache.
///
/// It is told of some thousand requests over a cache of 600, first of entries of one weight and then of others, as a live
/// cache tells it; then its entries are handed over to a second instance. Nothing is chosen by chance: a policy that is
/// deterministic fails always or never.
///
/// # Errors
/// Why it failed, in words: it could not be opened, broke off, or answered [nonsense](super::Nonsense).
pub fn probe(policy: &PolicyFactory) -> Result<(), String> {
    [false, true].into_iter().try_for_each(|weighed| {
        let mut owner = Owner::new(policy.build_live(CAPACITY, weighed), weighed);
        owner.serve(0..REQUESTS[0])?;
        owner.change(policy.build_live(CAPACITY, weighed))?;
        owner.serve(REQUESTS[0]..REQUESTS[0] + REQUESTS[1])
    })
}

/// An owner of entries that are not there.
struct Owner {
    policy: Box<dyn Policy>,
    weighed: bool,
    used: u64,
    slots: HashMap<u64, Slot>,
    /// Id and weight, by slot.
    entries: Vec<Option<(u64, u64)>>,
    free: Vec<Slot>,
}

/// A few ids often, and many once.
const fn id(request: u64) -> u64 {
    if request.is_multiple_of(2) { mix(request * request % 997) } else { mix(request + 1_000) }
}

impl Owner {
    fn new(policy: Box<dyn Policy>, weighed: bool) -> Self {
        let (slots, entries, free) = (HashMap::new(), Vec::new(), Vec::new());
        Self { policy, weighed, used: 0, slots, entries, free }
    }

    fn serve(&mut self, requests: std::ops::Range<u64>) -> Result<(), String> {
        for request in requests {
            let id = id(request);
            match self.slots.get(&id).copied() {
                // One in many leaves.
                Some(slot) if request % 61 == 0 => self.remove(slot),
                Some(slot) => self.policy.on_hit(slot),
                None => self.insert(id)?,
            }
            while let Some(mut work) = self.policy.take_deferred() {
                work.run();
                drop(self.policy.put_back(work));
            }
            self.fault()?;
        }
        Ok(())
    }

    fn fault(&self) -> Result<(), String> {
        self.policy.fault().map_or(Ok(()), |reason| Err(reason.to_owned()))
    }

    fn insert(&mut self, id: u64) -> Result<(), String> {
        let weight = if self.weighed { 1 + id % 16 } else { 1 };
        self.policy.on_miss(id, weight);
        while self.used + weight > CAPACITY {
            let victim = self.policy.victim();
            self.fault()?;
            let victim = victim.filter(|slot| self.leave(*slot));
            victim.ok_or("it named no entry to evict")?;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            Slot(u32::try_from(self.entries.len() - 1).unwrap_or(u32::MAX))
        });
        if let Some(place) = usize::try_from(slot.0).ok().and_then(|at| self.entries.get_mut(at)) {
            *place = Some((id, weight));
        }
        self.slots.insert(id, slot);
        self.used += weight;
        self.policy.on_insert(slot, id, weight);
        Ok(())
    }

    fn remove(&mut self, slot: Slot) {
        self.policy.on_remove(slot);
        self.leave(slot);
    }

    /// False where there is no entry.
    fn leave(&mut self, slot: Slot) -> bool {
        let place = usize::try_from(slot.0).ok().and_then(|at| self.entries.get_mut(at));
        let Some((id, weight)) = place.and_then(Option::take) else { return false };
        self.slots.remove(&id);
        self.used -= weight;
        self.free.push(slot);
        true
    }

    /// Another instance takes the entries over.
    fn change(&mut self, fresh: Box<dyn Policy>) -> Result<(), String> {
        while let Preparation::Work(mut work) = self.policy.prepare_export() {
            work.run();
            drop(self.policy.put_back(work));
        }
        self.fault()?;
        let slots = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let resident =
            |slot: Slot| usize::try_from(slot.0).ok().and_then(|at| self.entries.get(at)).copied().flatten();
        let entries: Vec<ImportedEntry> = reconcile(&self.policy.export(), slots, resident);
        self.policy = fresh;
        self.policy.import(&entries);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::batches;
    use super::probe;
    use crate::PolicyFactory;

    #[test]
    fn a_sound_policy_passes_and_one_that_fails_at_any_turn_does_not() {
        assert_eq!(probe(&batches(None)), Ok(()));
        for turn in 1..6 {
            assert_eq!(probe(&batches(Some(turn))), Err("a fault".to_owned()), "turn {turn}");
        }
        let closed = PolicyFactory::batched("closed", |_| Err("it does not open".to_owned()));
        assert_eq!(probe(&closed), Err("it does not open".to_owned()));
    }
}
