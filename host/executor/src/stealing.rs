//! Queues of the workers themselves, for what a task submits to its own pool.
//!
//! A worker puts such a task into its own queue, without a lock, and takes the youngest from there: what it needs is
//! still in its core's cache. A worker that has nothing to do takes the oldest half from another one, of its own NUMA node first.
//! Tasks of one priority alone are in such a queue, that of the task which submitted them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crossbeam_deque::{Steal, Stealer, Worker};
use parking_lot::{Mutex, RwLock};

use crate::cpu::Queued;
use crate::priority::{ByPriority, Priority};

/// Tasks in a worker's own queue. Beyond it they go to the shared one, where there is a bound for all.
const MOST: usize = 256;

thread_local! {
    static LOCAL: RefCell<Option<Rc<Local>>> = const { RefCell::new(None) };
}

/// The queue of the present worker.
pub(crate) struct Local {
    pool: u64,
    deque: Worker<Queued>,
    /// Of what is in the queue; means nothing while it is empty. Written by this worker alone.
    priority: Arc<Mutex<Priority>>,
    /// Of the task that runs.
    running: Cell<Priority>,
    /// Whether the shared queue knows that there is something here.
    pub(crate) told: Cell<Option<Priority>>,
    own_first: Cell<bool>,
}

/// The queues of all workers of a pool, seen from outside.
pub(crate) struct Others {
    pool: u64,
    list: RwLock<Vec<Other>>,
}

struct Other {
    worker: u32,
    node: Option<u32>,
    stealer: Stealer<Queued>,
    /// Of what is in it.
    priority: Arc<Mutex<Priority>>,
}

impl Others {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self { pool: NEXT.fetch_add(1, Ordering::Relaxed), list: RwLock::default() }
    }

    /// Gives the present thread, a worker, a queue.
    pub(crate) fn join(&self, worker: u32, node: Option<u32>) -> Rc<Local> {
        let local = Rc::new(Local {
            pool: self.pool,
            deque: Worker::new_lifo(),
            priority: Arc::default(),
            running: Cell::default(),
            told: Cell::new(None),
            own_first: Cell::new(true),
        });
        let (stealer, priority) = (local.deque.stealer(), Arc::clone(&local.priority));
        self.list.write().push(Other { worker, node, stealer, priority });
        LOCAL.set(Some(Rc::clone(&local)));
        local
    }

    /// The worker leaves.
    pub(crate) fn leave(&self, worker: u32) {
        self.list.write().retain(|other| other.worker != worker);
        LOCAL.set(None);
    }

    /// Queues a task with the present worker, if it is one of this pool and has room. Else hands the task back.
    pub(crate) fn push(&self, job: Queued) -> Result<(), Queued> {
        LOCAL.with_borrow(|local| match local {
            Some(local) if local.pool == self.pool => local.push(job),
            _ => Err(job),
        })
    }

    /// Takes tasks from another worker: one to run, and perhaps some for the own queue.
    pub(crate) fn steal(&self, worker: u32, node: Option<u32>, local: &Local) -> Option<Queued> {
        let list = self.list.read();
        let after = list.iter().position(|other| other.worker == worker).map_or(0, |at| at + 1);
        let (before, behind) = list.split_at(after.min(list.len()));
        // Each begins with the one after itself, or all would take from the first.
        let others = || behind.iter().chain(before).filter(|other| other.worker != worker);
        let near = others().filter(|other| other.node == node);
        let far = others().filter(|other| other.node != node);
        near.chain(far).find_map(|other| {
            loop {
                match other.stealer.steal_batch_and_pop(&local.deque) {
                    Steal::Success(job) => {
                        *local.priority.lock() = job.priority;
                        return Some(job);
                    }
                    Steal::Empty => return None,
                    Steal::Retry => {}
                }
            }
        })
    }

    /// Tasks in all of them, by their priority.
    pub(crate) fn queued(&self) -> ByPriority<u64> {
        let mut queued = ByPriority::default();
        for other in self.list.read().iter() {
            queued[*other.priority.lock()] += u64::try_from(other.stealer.len()).unwrap_or(u64::MAX);
        }
        queued
    }

    /// Whether there is anything in one of them.
    pub(crate) fn any(&self) -> bool {
        self.list.read().iter().any(|other| !other.stealer.is_empty())
    }

    /// Empties all of them.
    pub(crate) fn take_all(&self) -> Vec<Queued> {
        let mut taken = Vec::new();
        for other in self.list.read().iter() {
            loop {
                match other.stealer.steal() {
                    Steal::Success(job) => taken.push(job),
                    Steal::Empty => break,
                    Steal::Retry => {}
                }
            }
        }
        taken
    }
}

impl Local {
    fn push(&self, job: Queued) -> Result<(), Queued> {
        let empty = self.deque.is_empty();
        let fits = empty || (job.priority == *self.priority.lock() && self.deque.len() < MOST);
        if !fits || job.priority != self.running.get() {
            return Err(job);
        }
        if empty {
            *self.priority.lock() = job.priority;
        }
        self.deque.push(job);
        Ok(())
    }

    /// The priority of what is in it; none where there is nothing.
    pub(crate) fn holds(&self) -> Option<Priority> {
        (!self.deque.is_empty()).then(|| *self.priority.lock())
    }

    pub(crate) fn pop(&self) -> Option<Queued> {
        self.deque.pop()
    }

    /// A task of that priority is run now.
    pub(crate) fn runs(&self, priority: Priority) {
        self.running.set(priority);
    }

    /// Whether to take from here before the shared queue: every other time, so that neither is left waiting.
    pub(crate) fn own_first(&self) -> bool {
        self.own_first.replace(!self.own_first.get())
    }

    /// All tasks, the oldest first.
    pub(crate) fn take_all(&self) -> Vec<Queued> {
        let mut all: Vec<_> = std::iter::from_fn(|| self.deque.pop()).collect();
        all.reverse();
        all
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::cpu::Job;
    use crate::error::TaskError;
    use crate::recorder::{Outcome, Recorder};

    struct Nothing;

    impl Job for Nothing {
        fn run(&mut self) -> Outcome {
            Outcome::Succeeded
        }
        fn deliver(self: Box<Self>) {}
        fn refuse(self: Box<Self>, _: TaskError) {}
    }

    fn job(priority: Priority) -> Queued {
        let class = Recorder::new(1).class("any");
        Queued { job: Box::new(Nothing), class, priority, submitted: Instant::now() }
    }

    #[test]
    fn only_tasks_of_the_running_priority_and_of_one_alone_stay_with_a_worker() {
        let (others, elsewhere) = (Others::new(), Others::new());
        assert!(others.push(job(Priority::Normal)).is_err(), "no worker");
        let local = others.join(0, None);
        local.runs(Priority::Low);
        assert!(others.push(job(Priority::Normal)).is_err());
        assert!(elsewhere.push(job(Priority::Low)).is_err(), "another pool");
        for _ in 0..MOST {
            assert!(others.push(job(Priority::Low)).is_ok());
        }
        assert!(others.push(job(Priority::Low)).is_err(), "full");
        local.runs(Priority::High);
        assert!(others.push(job(Priority::High)).is_err(), "something else is in it");
        assert_eq!((local.holds(), others.queued().low), (Some(Priority::Low), 256));
        assert_eq!(others.take_all().len(), 256);
        assert!(others.push(job(Priority::High)).is_ok());
        assert_eq!((local.holds(), local.take_all().len()), (Some(Priority::High), 1));
        others.leave(0);
        assert!(others.push(job(Priority::High)).is_err());
    }

    #[test]
    fn a_thief_takes_from_its_own_node_first() {
        let others = Others::new();
        let queues: Vec<_> = (0..4).map(|worker| others.join(worker, Some(worker % 2))).collect();
        let mark = |worker: usize, priority| {
            queues[worker].runs(priority);
            queues[worker].push(job(priority)).unwrap_or_else(|_| panic!("fits"));
        };
        let from = |thief: u32| {
            let at = usize::try_from(thief).unwrap();
            others.steal(thief, Some(thief % 2), &queues[at]).map(|job| job.priority)
        };
        // Worker 0 has something on its node (2) and elsewhere (1, 3).
        mark(1, Priority::High);
        mark(2, Priority::Low);
        mark(3, Priority::Normal);
        assert_eq!(from(0), Some(Priority::Low));
        assert_eq!(from(0), Some(Priority::High), "then the next of the other node");
        assert_eq!(from(1), Some(Priority::Normal));
        assert_eq!(from(0), None);
        assert!(!others.any());
    }
}
