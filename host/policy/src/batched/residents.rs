//! What is resident after each event, and whether an answer can be true.

use super::{Answer, Batch, Kind, MOST_SLOTS};
use crate::list::at;

/// Why an answer cannot be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Nonsense {
    /// A number that is no slot of its.
    #[error("it named slot {0}, which there is not")]
    NoSuchSlot(u32),
    /// A victim that is not resident, or was named twice.
    #[error("it evicted slot {0}, which is not resident then")]
    NotResident(u32),
    /// It evicts where there is room.
    #[error("it evicted slot {0}, though there is room without it")]
    TooMany(u32),
    /// It does not make the room that an entry needs.
    #[error("it made too little room for slot {0}")]
    TooFew(u32),
    /// It forgets what is resident.
    #[error("it forgot slot {0}, which is resident")]
    StillResident(u32),
    /// The lists of victims and of their events are of different length, or not in order, or there is no such event.
    #[error("its victims and their events do not fit together")]
    Disordered,
}

/// What a policy knows of the entry in a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Unknown,
    Resident,
    Remembered,
}

/// Which entries are resident: the same events and answers as a policy's, followed by its owner.
#[derive(Debug, Clone)]
pub struct Residents {
    states: Vec<State>,
    /// Of resident entries. Empty while all weigh 1.
    weights: Vec<u32>,
    used: u64,
    capacity: u64,
    len: usize,
}

impl Residents {
    /// No entries, for a capacity in the unit of the weights.
    #[must_use]
    pub const fn new(capacity: u64) -> Self {
        Self { states: Vec::new(), weights: Vec::new(), used: 0, capacity, len: 0 }
    }

    /// Number of residents.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The capacity, in the unit of the weights.
    #[must_use]
    pub const fn capacity(&self) -> u64 {
        self.capacity
    }

    /// What the residents weigh.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.used
    }

    /// Whether the policy knows nothing of the slot any more, so that another entry may have it.
    #[must_use]
    #[inline]
    pub fn is_free(&self, slot: u32) -> bool {
        self.states.get(at(slot)).is_none_or(|state| *state == State::Unknown)
    }

    /// Whether the entry in the slot is resident.
    #[must_use]
    #[inline]
    pub fn is_resident(&self, slot: u32) -> bool {
        self.states.get(at(slot)) == Some(&State::Resident)
    }

    /// Follows a batch and its answer. `used` is told of each use, in order: the number of the event, and whether it hit.
    ///
    /// # Errors
    /// [`Nonsense`]. What follows from the events before it stays as it is.
    #[inline]
    pub fn follow(
        &mut self,
        batch: Batch<'_>,
        answer: &Answer,
        mut used: impl FnMut(usize, bool),
    ) -> Result<(), Nonsense> {
        if answer.victims.len() != answer.at.len() {
            return Err(Nonsense::Disordered);
        }
        let mut victims = answer.victims.iter().zip(&answer.at).peekable();
        let mut weights = batch.weights.iter();
        for (number, &event) in batch.events.iter().enumerate() {
            let weight = weights.next().copied().unwrap_or(1);
            let (slot, kind) = Kind::read(event).ok_or(Nonsense::Disordered)?;
            self.reach(slot)?;
            let resident = self.is_resident(slot);
            let incoming = match (kind, resident) {
                (Kind::Used, true) => {
                    used(number, true);
                    continue;
                }
                (Kind::Removed, resident) => {
                    if resident {
                        self.leave(slot, State::Unknown);
                    }
                    continue;
                }
                (Kind::Replaced, true) => {
                    self.used -= u64::from(self.weight(slot));
                    self.set_weight(slot, weight);
                    self.used += u64::from(weight);
                    0
                }
                (Kind::Used | Kind::Replaced, false) => {
                    used(number, false);
                    u64::from(weight)
                }
            };
            while let Some((victim, _)) = victims.next_if(|(_, event)| at(**event) == number) {
                self.evict(*victim, incoming)?;
            }
            if self.used + incoming > self.capacity {
                return Err(Nonsense::TooFew(slot));
            }
            if incoming > 0 {
                self.enter(slot, weight);
            }
        }
        if victims.next().is_some() {
            return Err(Nonsense::Disordered);
        }
        self.forget(answer)
    }

    /// Follows a change of capacity and its answer.
    ///
    /// # Errors
    /// [`Nonsense`].
    pub fn resize(&mut self, capacity: u64, answer: &Answer) -> Result<(), Nonsense> {
        self.capacity = capacity;
        if answer.victims.len() != answer.at.len() || answer.at.iter().any(|event| *event != 0) {
            return Err(Nonsense::Disordered);
        }
        for victim in &answer.victims {
            self.evict(*victim, 0)?;
        }
        if self.used > self.capacity {
            return Err(Nonsense::TooFew(0));
        }
        self.forget(answer)
    }

    /// An entry that the policy takes over from another one.
    ///
    /// # Errors
    /// There is no such slot, or no room.
    pub fn take_over(&mut self, slot: u32, weight: u32) -> Result<(), Nonsense> {
        self.reach(slot)?;
        if self.used + u64::from(weight) > self.capacity {
            return Err(Nonsense::TooFew(slot));
        }
        if !self.is_resident(slot) {
            self.enter(slot, weight);
        }
        Ok(())
    }

    fn forget(&mut self, answer: &Answer) -> Result<(), Nonsense> {
        for &slot in &answer.forgotten {
            match self.states.get_mut(at(slot)) {
                // It may have come back and left for good in the same batch.
                Some(state @ (State::Remembered | State::Unknown)) => *state = State::Unknown,
                Some(State::Resident) => return Err(Nonsense::StillResident(slot)),
                None => return Err(Nonsense::NoSuchSlot(slot)),
            }
        }
        Ok(())
    }

    #[inline]
    fn evict(&mut self, victim: u32, incoming: u64) -> Result<(), Nonsense> {
        let slot = victim >> 1;
        if at(slot) >= self.states.len() {
            return Err(Nonsense::NoSuchSlot(slot));
        }
        if !self.is_resident(slot) {
            return Err(Nonsense::NotResident(slot));
        }
        if self.used + incoming <= self.capacity {
            return Err(Nonsense::TooMany(slot));
        }
        self.leave(slot, if victim & 1 == 1 { State::Remembered } else { State::Unknown });
        Ok(())
    }

    #[inline]
    fn enter(&mut self, slot: u32, weight: u32) {
        self.set_weight(slot, weight);
        if let Some(state) = self.states.get_mut(at(slot)) {
            *state = State::Resident;
        }
        self.used += u64::from(weight);
        self.len += 1;
    }

    #[inline]
    fn leave(&mut self, slot: u32, to: State) {
        let weight = self.weight(slot);
        if let Some(state) = self.states.get_mut(at(slot))
            && std::mem::replace(state, to) == State::Resident
        {
            self.used -= u64::from(weight);
            self.len -= 1;
        }
    }

    #[inline]
    fn weight(&self, slot: u32) -> u32 {
        self.weights.get(at(slot)).copied().unwrap_or(1)
    }

    #[inline]
    fn set_weight(&mut self, slot: u32, weight: u32) {
        if self.weights.is_empty() && weight == 1 {
            return;
        }
        if self.weights.len() < self.states.len() {
            self.weights.resize(self.states.len(), 1);
        }
        if let Some(place) = self.weights.get_mut(at(slot)) {
            *place = weight;
        }
    }

    /// Makes room for what is known of a slot.
    #[inline]
    fn reach(&mut self, slot: u32) -> Result<(), Nonsense> {
        if slot >= MOST_SLOTS {
            return Err(Nonsense::NoSuchSlot(slot));
        }
        if at(slot) >= self.states.len() {
            self.states.resize(at(slot) + 1, State::Unknown);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn used(slots: &[u32]) -> Vec<u32> {
        slots.iter().map(|slot| Kind::Used.of(*slot)).collect()
    }

    /// Fills slots 0 and 1 of two, and follows a use of slot 2 with this answer.
    fn third(answer: &Answer) -> Result<Residents, Nonsense> {
        let mut residents = Residents::new(2);
        let (two, one) = (used(&[0, 1]), used(&[2]));
        let none = Answer::default();
        residents.follow(Batch { events: &two, ..Batch::default() }, &none, |_, hit| assert!(!hit))?;
        residents.follow(Batch { events: &one, ..Batch::default() }, answer, |_, _| ())?;
        Ok(residents)
    }

    fn evicting(victims: &[(u32, bool, u32)], forgotten: &[u32]) -> Answer {
        let mut answer = Answer { forgotten: forgotten.to_vec(), ..Answer::default() };
        victims.iter().for_each(|&(slot, remembered, at)| answer.evict(slot, remembered, at));
        answer
    }

    #[test]
    fn an_answer_that_cannot_be_true_is_refused() {
        let error = |answer: &Answer| third(answer).unwrap_err();
        assert_eq!(error(&Answer::default()), Nonsense::TooFew(2));
        assert_eq!(error(&evicting(&[(7, false, 0)], &[])), Nonsense::NoSuchSlot(7));
        assert_eq!(error(&evicting(&[(2, false, 0)], &[])), Nonsense::NotResident(2));
        assert_eq!(error(&evicting(&[(0, false, 0), (0, false, 0)], &[])), Nonsense::NotResident(0));
        assert_eq!(error(&evicting(&[(0, false, 0), (1, false, 0)], &[])), Nonsense::TooMany(1));
        assert_eq!(error(&evicting(&[(0, false, 1)], &[])), Nonsense::TooFew(2));
        assert_eq!(error(&evicting(&[(0, false, 0), (1, false, 9)], &[])), Nonsense::Disordered);
        assert_eq!(error(&evicting(&[(0, false, 0)], &[1])), Nonsense::StillResident(1));
        assert_eq!(error(&evicting(&[(0, true, 0)], &[9])), Nonsense::NoSuchSlot(9));
        let mut short = evicting(&[(0, false, 0)], &[]);
        short.at.clear();
        assert_eq!(error(&short), Nonsense::Disordered);
    }

    #[test]
    fn a_slot_is_free_once_its_entry_is_neither_resident_nor_remembered() {
        let free = |answer: &Answer| {
            let residents = third(answer).unwrap();
            (residents.is_free(0), residents.is_resident(2), residents.len())
        };
        assert_eq!(free(&evicting(&[(0, false, 0)], &[])), (true, true, 2));
        assert_eq!(free(&evicting(&[(0, true, 0)], &[])), (false, true, 2));
        assert_eq!(free(&evicting(&[(0, true, 0)], &[0])), (true, true, 2));
    }

    proptest! {
        /// Whatever a policy answers, the record stays true to itself.
        #[test]
        fn no_answer_breaks_the_record(
            turns in prop::collection::vec(
                (
                    prop::collection::vec((0u32..12, 0u32..3, 1u32..5), 0..12),
                    prop::collection::vec((0u32..30, 0u32..14), 0..6),
                    prop::collection::vec(0u32..15, 0..3),
                ),
                1..12,
            ),
        ) {
            let mut residents = Residents::new(10);
            for (told, victims, forgotten) in turns {
                let events: Vec<u32> = told.iter().map(|(slot, kind, _)| slot << 2 | kind).collect();
                let weights: Vec<u32> = told.iter().map(|(_, _, weight)| *weight).collect();
                let (victims, at) = victims.into_iter().unzip();
                let batch = Batch { events: &events, weights: &weights, ids: &[] };
                let followed = residents.follow(batch, &Answer { victims, at, forgotten }, |_, _| ());
                let resident = |slot: &u32| residents.is_resident(*slot);
                prop_assert_eq!(residents.len(), (0..12).filter(resident).count());
                let weight: u64 = (0..12).filter(resident).map(|slot| u64::from(residents.weight(slot))).sum();
                prop_assert_eq!(residents.used(), weight);
                // Who answers nonsense is not asked again.
                if followed.is_err() {
                    break;
                }
                prop_assert!(residents.used() <= 10);
            }
        }
    }

    #[test]
    fn entries_take_what_they_weigh() {
        let mut residents = Residents::new(10);
        let events =
            [Kind::Used.of(0), Kind::Used.of(1), Kind::Used.of(0), Kind::Removed.of(1), Kind::Used.of(2)];
        let weights = [4, 6, 4, 6, 5];
        let mut hits = Vec::new();
        let batch = Batch { events: &events, weights: &weights, ids: &[] };
        residents.follow(batch, &Answer::default(), |at, hit| hits.push((at, hit))).unwrap();
        assert_eq!(hits, [(0, false), (1, false), (2, true), (4, false)]);
        let heavier = [Kind::Replaced.of(0)];
        let batch = Batch { events: &heavier, weights: &[6], ids: &[] };
        assert_eq!(residents.clone().follow(batch, &Answer::default(), |_, _| ()), Err(Nonsense::TooFew(0)));
        residents.follow(batch, &evicting(&[(2, false, 0)], &[]), |_, _| ()).unwrap();
        assert_eq!((residents.len(), residents.is_resident(0)), (1, true));
        assert_eq!(residents.resize(5, &evicting(&[(0, false, 0)], &[])), Ok(()));
        assert!(residents.is_empty());
    }
}
