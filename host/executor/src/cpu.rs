//! The CPU pool: own threads on a bounded queue for each priority.
//!
//! All queues are under one lock, which a worker takes between two tasks to say what it has done and to ask what comes next. No lock
//! is held while a task runs, or is dropped. A worker too many leaves when it asks; what it has in a queue of its own goes
//! to the shared one, so that nothing is lost.
//!
//! With [`Balance::Stealing`] what a task submits to its own pool stays with its worker (see `stealing`), which goes on with it
//! for a short turn before it asks again. A worker sleeps only when all queues are empty: it says so
//! first, and looks once more.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering, fence};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::affinity::{Placement, Plan};
use crate::backlog::{Admission, Backlog};
use crate::config::Balance;
use crate::error::{ExecutorError, TaskError};
use crate::place;
use crate::priority::{ByPriority, Priority, Submission};
use crate::recorder::{ClassId, Outcome, Recorder};
use crate::stats::PriorityStats;
use crate::stealing::Others;

mod worker;

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// A closure with the way back to who waits for it. Dropped unrun, it tells them that too.
pub(crate) trait Job: Send {
    /// Runs the closure; a panic is caught.
    fn run(&mut self) -> Outcome;
    /// Hands the result over.
    fn deliver(self: Box<Self>);
    /// Hands an error over instead.
    fn refuse(self: Box<Self>, why: TaskError);
}

pub(crate) struct Queued {
    pub(crate) job: Box<dyn Job>,
    pub(crate) class: ClassId,
    pub(crate) priority: Priority,
    pub(crate) submitted: Instant,
}

/// What workers share with the pool.
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    /// Workers that sleep and that nobody has woken yet. Written under the lock.
    sleeping: AtomicU32,
    others: Others,
    balance: Balance,
    /// Whether there are classes limited to one at a time. Such tasks wait in the shared queue alone.
    limited: AtomicBool,
    plan: Plan,
    recorder: Arc<Recorder>,
}

/// Never held while a task runs or is dropped.
struct State {
    backlog: Backlog<Queued>,
    /// Workers that are to leave.
    too_many: u32,
    stopping: bool,
    /// Workers there are, by number. None where one has not begun yet.
    placements: BTreeMap<u32, Option<Placement>>,
}

pub(crate) struct CpuPool {
    shared: Arc<Shared>,
    /// Held while resizing, never while a task runs or is submitted.
    crew: Mutex<Crew>,
}

#[derive(Default)]
struct Crew {
    workers: u32,
    threads: Vec<JoinHandle<()>>,
}

impl CpuPool {
    pub(crate) fn new(
        workers: u32,
        queue: u32,
        shares: &ByPriority<u32>,
        (balance, plan): (Balance, Plan),
        recorder: Arc<Recorder>,
    ) -> Result<Self, ExecutorError> {
        let state = State {
            backlog: Backlog::new(queue, shares),
            too_many: 0,
            stopping: false,
            placements: BTreeMap::new(),
        };
        let shared = Shared {
            state: Mutex::new(state),
            wake: Condvar::new(),
            sleeping: AtomicU32::new(0),
            others: Others::new(),
            balance,
            limited: AtomicBool::new(false),
            plan,
            recorder,
        };
        let pool = Self { shared: Arc::new(shared), crew: Mutex::default() };
        pool.resize(workers, |_| {}).inspect_err(|_| pool.close())?;
        Ok(pool)
    }

    /// Waits for a place in the queue.
    pub(crate) async fn submit(
        &self,
        submission: Submission,
        job: Box<dyn Job>,
        submitted: Instant,
    ) -> Result<(), TaskError> {
        let Submission { class, priority } = submission;
        let Some(queued) = self.keep(Queued { job, class, priority, submitted }) else { return Ok(()) };
        let granted = {
            let mut state = self.shared.state.lock();
            match state.backlog.admit(priority) {
                Admission::Closed => return Err(TaskError::Stopped),
                Admission::Granted => return self.shared.push(state, queued),
                Admission::Full => state.backlog.wait(priority),
            }
        };
        place::granted(granted, || self.shared.state.lock().backlog.give_back(priority)).await?;
        self.shared.push(self.shared.state.lock(), queued)
    }

    /// Queues a task without waiting, if need be in the place of one of a lower priority.
    pub(crate) fn try_submit(
        &self,
        submission: Submission,
        job: Box<dyn Job>,
        submitted: Instant,
    ) -> Result<(), TaskError> {
        let Submission { class, priority } = submission;
        let Some(queued) = self.keep(Queued { job, class, priority, submitted }) else { return Ok(()) };
        let mut state = self.shared.state.lock();
        match state.backlog.admit(priority) {
            Admission::Closed => Err(TaskError::Stopped),
            Admission::Granted => self.shared.push(state, queued),
            Admission::Full => {
                let Some((lower, displaced)) = state.backlog.displace(priority) else {
                    state.backlog.turned_away(priority);
                    let waiting = state.backlog.waiting(priority);
                    return Err(TaskError::Shed { priority, queued: waiting, displaced_by: None });
                };
                let waiting = state.backlog.waiting(lower);
                self.shared.push(state, queued)?;
                let why = TaskError::Shed { priority: lower, queued: waiting, displaced_by: Some(priority) };
                // The closure is dropped here, and what it owns may panic: not in who submitted another one.
                let _ = catch_unwind(AssertUnwindSafe(move || displaced.job.refuse(why)));
                Ok(())
            }
        }
    }

    /// Leaves a task with the worker that submits it, where that is how it is. Else hands it back.
    fn keep(&self, queued: Queued) -> Option<Queued> {
        let shared = &self.shared;
        let single =
            || shared.limited.load(Ordering::Acquire) && shared.state.lock().backlog.is_single(queued.class);
        if shared.balance == Balance::Shared || !Self::on_worker() || single() {
            return Some(queued);
        }
        let kept = self.shared.others.push(queued);
        if kept.is_ok() {
            // Either a worker that is about to sleep sees the task, or it is seen here.
            fence(Ordering::SeqCst);
            if self.shared.sleeping.load(Ordering::SeqCst) > 0 {
                self.shared.wake_one(self.shared.state.lock());
            }
        }
        kept.err()
    }

    /// Limits a class to one at a time, or no longer.
    pub(crate) fn limit(&self, class: ClassId, single: bool) {
        if single {
            self.shared.limited.store(true, Ordering::Release);
        }
        let mut state = self.shared.state.lock();
        state.backlog.limit(class, single);
        self.shared.wake_all(&state);
    }

    pub(crate) fn queued(&self) -> u64 {
        self.stats().iter().map(|(_, stats)| stats.queued).sum()
    }

    /// Figures of each priority.
    pub(crate) fn stats(&self) -> ByPriority<PriorityStats> {
        let mut stats = self.shared.state.lock().backlog.stats();
        for (priority, queued) in self.shared.others.queued().iter() {
            stats[priority].queued += queued;
        }
        stats
    }

    /// Where each worker runs, by number. One that was hired just now may be missing.
    pub(crate) fn placements(&self) -> Vec<Placement> {
        self.shared.state.lock().placements.values().flatten().cloned().collect()
    }

    /// Grows or shrinks to `workers`. `changed` is told the number in force, under the lock.
    pub(crate) fn resize(&self, workers: u32, changed: impl FnOnce(u32)) -> Result<u32, ExecutorError> {
        let mut crew = self.crew.lock();
        crew.threads.retain(|thread| !thread.is_finished());
        let mut outcome = Ok(());
        while crew.workers < workers {
            if let Err(source) = self.hire(&mut crew) {
                outcome = Err(ExecutorError::Thread { have: crew.workers, want: workers, source });
                break;
            }
            crew.workers += 1;
        }
        if crew.workers > workers {
            let mut state = self.shared.state.lock();
            state.too_many += crew.workers - workers;
            crew.workers = workers;
            self.shared.wake_all(&state);
        }
        changed(crew.workers);
        outcome.map(|()| crew.workers)
    }

    /// Keeps a worker that was to leave and has not yet, or starts one.
    fn hire(&self, crew: &mut Crew) -> std::io::Result<()> {
        let number = {
            let mut state = self.shared.state.lock();
            if state.too_many > 0 {
                state.too_many -= 1;
                return Ok(());
            }
            let free = (0..=u32::MAX).find(|number| !state.placements.contains_key(number));
            let number = free.unwrap_or(u32::MAX);
            state.placements.insert(number, None);
            number
        };
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(format!("host-cpu-{number}")).spawn(move || {
            IS_WORKER.set(true);
            shared.work(number);
        });
        match thread {
            Ok(thread) => crew.threads.push(thread),
            Err(error) => {
                self.shared.state.lock().placements.remove(&number);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Lets every worker leave after its present task, and drops what is queued. Does not wait.
    pub(crate) fn close(&self) {
        let mut left = {
            let mut state = self.shared.state.lock();
            state.stopping = true;
            self.shared.wake_all(&state);
            state.backlog.close()
        };
        left.extend(self.shared.others.take_all());
        // Workers no longer take tasks; dropping them tells who waits.
        drop(left);
    }

    /// Waits until every worker has left. To be called after `close`, not on a worker.
    pub(crate) fn join(&self) {
        let threads = std::mem::take(&mut self.crew.lock().threads);
        for thread in threads {
            // A worker catches the panics of its tasks; were it to panic itself, it is gone all the same.
            let _ = thread.join();
        }
    }

    /// Whether the present thread is a worker of a CPU pool.
    pub(crate) fn on_worker() -> bool {
        IS_WORKER.get()
    }
}

impl Shared {
    /// Queues a task for which there is a place.
    fn push(&self, mut state: MutexGuard<'_, State>, queued: Queued) -> Result<(), TaskError> {
        let pushed = state.backlog.push(queued.priority, queued.class, queued);
        self.wake_one(state);
        // Dropped without the lock.
        pushed.map_err(|_dropped| TaskError::Stopped)
    }

    fn wake_one(&self, state: MutexGuard<'_, State>) {
        let sleeping = self.sleeping.load(Ordering::SeqCst);
        if sleeping > 0 {
            self.sleeping.store(sleeping - 1, Ordering::SeqCst);
            drop(state);
            self.wake.notify_one();
        }
    }

    /// To be called with the lock.
    fn wake_all(&self, _: &State) {
        self.sleeping.store(0, Ordering::SeqCst);
        self.wake.notify_all();
    }
}
