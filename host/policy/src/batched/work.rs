//! What is to be told to a batched policy, away from its owner's lock.

use std::sync::Arc;

use super::{Answer, Batch, BatchedPolicy, Residents};
use crate::{ExportedEntry, ImportedEntry};

/// Events in one call of a policy.
const MOST_EVENTS: usize = 1_024;

/// Calls of a policy that its owner makes without its own lock: [`Policy::take_deferred`](crate::Policy::take_deferred) gives
/// them, [`Policy::put_back`](crate::Policy::put_back) takes what came of them.
pub struct Deferred(pub(super) Box<Work>);

impl Deferred {
    /// Makes the calls. This takes as long as the policy takes.
    pub fn run(&mut self) {
        self.0.run();
    }
}

impl std::fmt::Debug for Deferred {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deferred").finish_non_exhaustive()
    }
}

/// Events as they are told.
#[derive(Debug, Default)]
pub(super) struct Events {
    pub(super) events: Vec<u32>,
    /// Empty where entries are not weighed.
    pub(super) weights: Vec<u32>,
    /// Empty where the policy does not want them.
    pub(super) ids: Vec<u64>,
    /// Slots whose entry the owner removed.
    pub(super) removed: Vec<u32>,
}

impl Events {
    fn clear(&mut self) {
        self.events.clear();
        self.weights.clear();
        self.ids.clear();
        self.removed.clear();
    }
}

/// A call, or several of one kind.
pub(super) enum Step {
    Turn(Events),
    Resize(u64),
    TakeOver(Vec<ImportedEntry>),
    HandOver,
}

/// A policy with what it is to be told, and what it answered.
pub(super) struct Work {
    pub(super) policy: Box<dyn BatchedPolicy>,
    pub(super) residents: Residents,
    /// Whose it is.
    pub(super) mark: Arc<()>,
    /// Before the events.
    pub(super) steps: Vec<Step>,
    pub(super) events: Events,
    pub(super) fault: Option<String>,
    answer: Answer,
    pub(super) outcome: Outcome,
}

/// What came of all calls, in their order.
#[derive(Default)]
pub(super) struct Outcome {
    /// Twice the slot, and one more where the policy remembers the entry.
    pub(super) victims: Vec<u32>,
    pub(super) forgotten: Vec<u32>,
    /// As in [`Events`].
    pub(super) removed: Vec<u32>,
    /// From the coldest to the hottest, where it was asked for.
    pub(super) order: Option<Vec<ExportedEntry>>,
}

impl Work {
    pub(super) fn new(policy: Box<dyn BatchedPolicy>, residents: Residents, mark: Arc<()>) -> Self {
        Self {
            policy,
            residents,
            mark,
            steps: Vec::new(),
            events: Events::default(),
            fault: None,
            answer: Answer::default(),
            outcome: Outcome::default(),
        }
    }

    fn run(&mut self) {
        self.outcome.victims.clear();
        self.outcome.forgotten.clear();
        self.outcome.removed.clear();
        let mut steps = std::mem::take(&mut self.steps);
        let mut events = std::mem::take(&mut self.events);
        let done = steps.drain(..).try_for_each(|step| self.step(step));
        self.fault = done.and_then(|()| self.turn(&mut events)).err();
        events.clear();
        (self.steps, self.events) = (steps, events);
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Turn(mut events) => self.turn(&mut events),
            Step::Resize(capacity) => {
                self.answer.clear();
                self.policy.resize(capacity, &mut self.answer)?;
                self.residents.resize(capacity, &self.answer).map_err(|nonsense| nonsense.to_string())?;
                self.keep();
                Ok(())
            }
            Step::TakeOver(entries) => {
                for entry in &entries {
                    let weight = u32::try_from(entry.weight).unwrap_or(u32::MAX);
                    let told = self.residents.take_over(entry.slot.0, weight);
                    told.map_err(|nonsense| nonsense.to_string())?;
                }
                self.policy.take_over(&entries)
            }
            Step::HandOver => {
                self.outcome.order = Some(self.policy.hand_over()?);
                Ok(())
            }
        }
    }

    /// Tells the events.
    fn turn(&mut self, Events { events, weights, ids, removed }: &mut Events) -> Result<(), String> {
        self.outcome.removed.append(removed);
        // The capacity may have become less than an entry weighs.
        let most = u32::try_from(self.residents.capacity()).unwrap_or(u32::MAX);
        weights.iter_mut().for_each(|weight| *weight = most.min(*weight));
        let (mut weights, mut ids) = (weights.chunks(MOST_EVENTS), ids.chunks(MOST_EVENTS));
        for events in events.chunks(MOST_EVENTS) {
            let weights = weights.next().unwrap_or_default();
            let batch = Batch { events, weights, ids: ids.next().unwrap_or_default() };
            self.answer.clear();
            self.policy.turn(batch, &mut self.answer)?;
            let followed = self.residents.follow(batch, &self.answer, |_, _| ());
            followed.map_err(|nonsense| nonsense.to_string())?;
            self.keep();
        }
        Ok(())
    }

    /// Keeps an answer that is true.
    fn keep(&mut self) {
        self.outcome.victims.extend_from_slice(&self.answer.victims);
        self.outcome.forgotten.extend_from_slice(&self.answer.forgotten);
    }
}
