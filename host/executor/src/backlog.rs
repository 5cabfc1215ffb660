//! What waits in a pool: a bounded queue for each priority, and who waits for a place in one.
//!
//! The pool has so many places, and each priority a share of as many that are its own beside them: so a queue full of others keeps
//! none out, and at most twice the number wait. Who finds no place waits for one, first come, first served within its
//! priority; or, where it must not wait, takes the place of the youngest task of the lowest priority below its own, but
//! never one of those that this priority has of its own; or is turned away.
//!
//! Of a class that is limited to one at a time ([`Mode::Single`](crate::Mode::Single)) one task is in a queue or runs. The
//! others keep their places and are queued one after the other.
//!
//! Pure data, to be kept under a lock by the pool. Nothing here drops a task: what has to go is handed out, because dropping
//! runs code of the caller's.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::priority::{ByPriority, Priority};
use crate::recorder::ClassId;
use crate::scheduler::{Scheduler, Turn};
use crate::stats::PriorityStats;

/// A queue for each priority.
#[derive(Debug)]
pub(crate) struct Backlog<T> {
    queues: ByPriority<VecDeque<Entry<T>>>,
    /// Places taken: by tasks, and by who was granted one and has not queued its task yet.
    taken: ByPriority<u32>,
    waiting: ByPriority<VecDeque<oneshot::Sender<()>>>,
    places: u32,
    own: ByPriority<u32>,
    scheduler: Scheduler,
    limited: HashMap<ClassId, Limited<T>>,
    completed: ByPriority<u64>,
    shed: ByPriority<u64>,
    next_number: u64,
    closed: bool,
}

#[derive(Debug)]
struct Entry<T> {
    item: T,
    /// Its class, where that is limited to one at a time.
    limited: Option<ClassId>,
    /// In the order of arrival.
    number: u64,
}

/// A class of which one task is in a queue or runs.
#[derive(Debug)]
struct Limited<T> {
    busy: bool,
    held: VecDeque<(Priority, Entry<T>)>,
}

/// A task's time of a worker. To be handed to [`Backlog::end`].
#[derive(Debug)]
pub(crate) struct Service {
    turn: Turn,
    limited: Option<ClassId>,
}

impl Service {
    pub(crate) fn priority(&self) -> Priority {
        self.turn.priority
    }
}

/// Whether there is a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// One is taken, to be used by [`Backlog::push`] or returned by [`Backlog::give_back`].
    Granted,
    Full,
    /// Nothing is queued any more.
    Closed,
}

/// What is to be done next.
#[derive(Debug)]
pub(crate) enum Next<T> {
    /// This task.
    Task(Service, T),
    /// One that the asking worker has in a queue of its own.
    Own(Service),
}

impl<T> Backlog<T> {
    pub(crate) fn new(places: u32, shares: &ByPriority<u32>) -> Self {
        let own = |priority| {
            let own = u64::from(places) * u64::from(shares[priority]) / 100;
            u32::try_from(own).unwrap_or(places).max(1)
        };
        Self {
            queues: ByPriority::new(|_| VecDeque::new()),
            taken: ByPriority::default(),
            waiting: ByPriority::new(|_| VecDeque::new()),
            places,
            own: ByPriority::new(own),
            scheduler: Scheduler::new(shares),
            limited: HashMap::new(),
            completed: ByPriority::default(),
            shed: ByPriority::default(),
            next_number: 0,
            closed: false,
        }
    }

    /// Limits a class to one at a time, or no longer. What of it is queued or runs already is not held back.
    pub(crate) fn limit(&mut self, class: ClassId, single: bool) {
        if single {
            self.limited.entry(class).or_insert_with(|| Limited { busy: false, held: VecDeque::new() });
        } else if let Some(limited) = self.limited.remove(&class) {
            for (priority, entry) in limited.held {
                self.enqueue(priority, Entry { limited: None, ..entry });
            }
        }
    }

    /// Whether a class is limited to one at a time.
    pub(crate) fn is_single(&self, class: ClassId) -> bool {
        self.limited.contains_key(&class)
    }

    pub(crate) fn admit(&mut self, priority: Priority) -> Admission {
        if self.closed {
            Admission::Closed
        } else if self.waiting[priority].is_empty() && self.fits(priority) {
            self.taken[priority] += 1;
            Admission::Granted
        } else {
            Admission::Full
        }
    }

    /// Waits for a place, which is granted by a message. Without one, nothing is queued any more.
    pub(crate) fn wait(&mut self, priority: Priority) -> oneshot::Receiver<()> {
        let (grant, granted) = oneshot::channel();
        if !self.closed {
            self.waiting[priority].push_back(grant);
        }
        granted
    }

    fn fits(&self, priority: Priority) -> bool {
        let taken = self.taken.high + self.taken.normal + self.taken.low;
        taken < self.places || self.taken[priority] < self.own[priority]
    }

    /// Gives places to who waits for them, the highest priority first.
    fn grant(&mut self) {
        for priority in Priority::ALL {
            while self.fits(priority)
                && let Some(waiting) = self.waiting[priority].pop_front()
            {
                // Who has given up takes none.
                self.taken[priority] += u32::from(waiting.send(()).is_ok());
            }
        }
    }

    /// Returns a place.
    pub(crate) fn give_back(&mut self, priority: Priority) {
        self.taken[priority] = self.taken[priority].saturating_sub(1);
        self.grant();
    }

    /// Takes a place from the youngest task of the lowest priority below this one. Hands that task out.
    pub(crate) fn displace(&mut self, priority: Priority) -> Option<(Priority, T)> {
        if self.closed {
            return None;
        }
        let lower = Priority::ALL.into_iter().rev().take_while(|lower| *lower < priority);
        for lower in lower.filter(|lower| self.taken[*lower] > self.own[*lower]).collect::<Vec<_>>() {
            if let Some(entry) = self.take_youngest(lower) {
                self.taken[lower] -= 1;
                self.taken[priority] += 1;
                self.shed[lower] += 1;
                return Some((lower, entry.item));
            }
        }
        None
    }

    fn take_youngest(&mut self, priority: Priority) -> Option<Entry<T>> {
        let queued = self.queues[priority].back().map(|entry| entry.number);
        // Of each limited class, the youngest of this priority.
        let held = self.limited.iter().filter_map(|(class, limited)| {
            let at = limited.held.iter().rposition(|(of, _)| *of == priority)?;
            Some((limited.held.get(at)?.1.number, *class, at))
        });
        let held = held.max_by_key(|(number, ..)| *number);
        match held {
            Some((number, class, at)) if queued.is_none_or(|queued| queued < number) => {
                self.limited.get_mut(&class)?.held.remove(at).map(|(_, entry)| entry)
            }
            _ => {
                let entry = self.queues[priority].pop_back()?;
                self.scheduler.left(priority);
                self.advance(entry.limited);
                Some(entry)
            }
        }
    }

    /// Notes a task that was turned away.
    pub(crate) fn turned_away(&mut self, priority: Priority) {
        self.shed[priority] += 1;
    }

    /// Queues a task, for which a place was granted. Hands it back where nothing is queued any more.
    pub(crate) fn push(&mut self, priority: Priority, class: ClassId, item: T) -> Result<(), T> {
        if self.closed {
            self.give_back(priority);
            return Err(item);
        }
        self.next_number += 1;
        let number = self.next_number;
        match self.limited.get_mut(&class) {
            Some(limited) => {
                let entry = Entry { item, limited: Some(class), number };
                if limited.busy {
                    limited.held.push_back((priority, entry));
                } else {
                    limited.busy = true;
                    self.enqueue(priority, entry);
                }
            }
            None => self.enqueue(priority, Entry { item, limited: None, number }),
        }
        Ok(())
    }

    /// Queues a task of a worker that leaves, whether or not there is a place.
    pub(crate) fn push_anyway(&mut self, priority: Priority, item: T) {
        self.taken[priority] += 1;
        self.next_number += 1;
        let number = self.next_number;
        self.enqueue(priority, Entry { item, limited: None, number });
    }

    fn enqueue(&mut self, priority: Priority, entry: Entry<T>) {
        self.queues[priority].push_back(entry);
        self.scheduler.arrived(priority);
    }

    /// The task of a limited class that was queued or ran is gone: the next one is queued.
    fn advance(&mut self, limited: Option<ClassId>) {
        let Some(limited) = limited.and_then(|class| self.limited.get_mut(&class)) else { return };
        match limited.held.pop_front() {
            Some((priority, entry)) => self.enqueue(priority, entry),
            None => limited.busy = false,
        }
    }

    /// What the asking worker does next. `own` is the priority of what it has in a queue of its own, which it takes from
    /// first where `own_first`.
    pub(crate) fn next(&mut self, own: Option<Priority>, own_first: bool) -> Option<Next<T>> {
        let (turn, from_queue) = self.scheduler.next(own, own_first)?;
        let priority = turn.priority;
        if !from_queue {
            return Some(Next::Own(Service { turn, limited: None }));
        }
        let entry = self.queues[priority].pop_front()?;
        self.give_back(priority);
        Some(Next::Task(Service { turn, limited: entry.limited }, entry.item))
    }

    /// Begins a task that was never queued, because a worker is free and nobody waits. None where that is not so, or
    /// another one of its class is queued or runs.
    pub(crate) fn begin(&mut self, priority: Priority, class: ClassId) -> Option<Service> {
        if self.closed || self.queued() > 0 {
            return None;
        }
        let limited = self.limited.get_mut(&class);
        if limited.as_ref().is_some_and(|limited| limited.busy) {
            return None;
        }
        let limited = limited.map(|limited| {
            limited.busy = true;
            class
        });
        self.scheduler.arrived(priority);
        let (turn, _) = self.scheduler.next(None, false)?;
        Some(Service { turn, limited })
    }

    /// Begins a task that a worker took from another one, because nothing was queued.
    pub(crate) fn begin_stolen(&mut self, priority: Priority) -> Service {
        Service { turn: self.scheduler.stolen(priority), limited: None }
    }

    /// A worker has spent `served`, and has `completed` so many tasks.
    pub(crate) fn end(&mut self, service: &Service, served: Duration, completed: u64) {
        self.completed[service.priority()] += completed;
        self.scheduler.end(&service.turn, served);
        self.advance(service.limited);
    }

    pub(crate) fn scheduler(&mut self) -> &mut Scheduler {
        &mut self.scheduler
    }

    /// Tasks that a worker could take.
    pub(crate) fn queued(&self) -> u64 {
        self.scheduler.queued()
    }

    /// Tasks that wait, for a worker or for another one of their class.
    pub(crate) fn waiting(&self, priority: Priority) -> u64 {
        let queued = self.queues[priority].len();
        let held = |limited: &Limited<T>| limited.held.iter().filter(|(of, _)| *of == priority).count();
        let waiting = queued + self.limited.values().map(held).sum::<usize>();
        u64::try_from(waiting).unwrap_or(u64::MAX)
    }

    /// Figures of each priority.
    pub(crate) fn stats(&self) -> ByPriority<PriorityStats> {
        ByPriority::new(|priority| PriorityStats {
            queued: self.waiting(priority),
            completed: self.completed[priority],
            shed: self.shed[priority],
            service: self.scheduler.served(priority),
        })
    }

    /// Queues nothing any more, tells who waits for a place, and hands out what is queued.
    pub(crate) fn close(&mut self) -> Vec<T> {
        self.closed = true;
        self.waiting = ByPriority::new(|_| VecDeque::new());
        let mut left = Vec::new();
        for priority in Priority::ALL {
            for entry in std::mem::take(&mut self.queues[priority]) {
                self.scheduler.left(priority);
                left.push(entry.item);
            }
            self.taken[priority] = 0;
        }
        for limited in self.limited.values_mut() {
            left.extend(std::mem::take(&mut limited.held).into_iter().map(|(_, entry)| entry.item));
        }
        left
    }
}

#[cfg(test)]
mod tests;
