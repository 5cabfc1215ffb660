//! The CPU pool: own threads on one bounded queue.
//!
//! Room in the queue is counted in permits, taken before a job is sent and given back when a worker takes it, so
//! the channel never holds more than the queue allows and sending never blocks. Shrinking sends one token
//! for each worker too many; a worker takes a token only between two jobs. Growing first takes back tokens
//! that no worker has seen yet. Jobs stay in the channel all the while, so none is lost.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, select, unbounded};
use parking_lot::Mutex;

use crate::cpu_timer::CpuTimer;
use crate::error::{ExecutorError, TaskError};
use crate::recorder::{ClassId, Ended, Outcome, Pool, Recorder};
use crate::resizable_semaphore::ResizableSemaphore;

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// A closure with the way back to who waits for it. Dropped unrun, it tells them that too.
pub(crate) trait Job: Send {
    /// Runs the closure; a panic is caught.
    fn run(&mut self) -> Outcome;
    /// Hands the result over.
    fn deliver(self: Box<Self>);
}

struct Queued {
    job: Box<dyn Job>,
    class: ClassId,
    submitted: Instant,
}

/// What workers share with the pool.
struct Shared {
    room: ResizableSemaphore,
    stopping: AtomicBool,
    recorder: Arc<Recorder>,
}

pub(crate) struct CpuPool {
    shared: Arc<Shared>,
    queue: u32,
    jobs: Sender<Queued>,
    jobs_out: Receiver<Queued>,
    leave: Sender<()>,
    leave_out: Receiver<()>,
    /// Held while resizing, never while a task runs or is submitted.
    crew: Mutex<Crew>,
}

#[derive(Default)]
struct Crew {
    workers: u32,
    hired: u64,
    threads: Vec<JoinHandle<()>>,
}

impl CpuPool {
    pub(crate) fn new(workers: u32, queue: u32, recorder: Arc<Recorder>) -> Result<Self, ExecutorError> {
        let (jobs, jobs_out) = unbounded();
        let (leave, leave_out) = unbounded();
        let shared =
            Shared { room: ResizableSemaphore::new(queue), stopping: AtomicBool::new(false), recorder };
        let pool = Self {
            shared: Arc::new(shared),
            queue,
            jobs,
            jobs_out,
            leave,
            leave_out,
            crew: Mutex::default(),
        };
        pool.resize(workers, |_| {}).inspect_err(|_| pool.close())?;
        Ok(pool)
    }

    /// Waits for room in the queue.
    pub(crate) async fn submit(
        &self,
        class: ClassId,
        job: Box<dyn Job>,
        submitted: Instant,
    ) -> Result<(), TaskError> {
        self.shared.room.acquire().await?;
        self.jobs.send(Queued { job, class, submitted }).map_err(|_| TaskError::Stopped)
    }

    pub(crate) fn queued(&self) -> u64 {
        u64::from(self.queue.saturating_sub(self.shared.room.free()))
    }

    /// Grows or shrinks to `workers`. `changed` is told the number in force, under the lock.
    pub(crate) fn resize(&self, workers: u32, changed: impl FnOnce(u32)) -> Result<u32, ExecutorError> {
        let mut crew = self.crew.lock();
        crew.threads.retain(|thread| !thread.is_finished());
        let mut outcome = Ok(());
        while crew.workers < workers {
            if self.leave_out.try_recv().is_err()
                && let Err(source) = self.hire(&mut crew)
            {
                outcome = Err(ExecutorError::Thread { have: crew.workers, want: workers, source });
                break;
            }
            crew.workers += 1;
        }
        while crew.workers > workers && self.leave.send(()).is_ok() {
            crew.workers -= 1;
        }
        changed(crew.workers);
        outcome.map(|()| crew.workers)
    }

    fn hire(&self, crew: &mut Crew) -> std::io::Result<()> {
        crew.hired += 1;
        let (shared, jobs, leave) = (Arc::clone(&self.shared), self.jobs_out.clone(), self.leave_out.clone());
        let thread = thread::Builder::new()
            .name(format!("host-cpu-{}", crew.hired))
            .spawn(move || work(&shared, &jobs, &leave))?;
        crew.threads.push(thread);
        Ok(())
    }

    /// Lets every worker leave after its present task, and drops what is queued. Does not wait.
    pub(crate) fn close(&self) {
        self.shared.stopping.store(true, Ordering::Release);
        self.shared.room.close();
        for _ in 0..self.crew.lock().threads.len() {
            // The receiver lives as long as the pool: cannot fail.
            let _ = self.leave.send(());
        }
        // Workers no longer run jobs, so what is left is dropped here, which tells who waits.
        while self.jobs_out.try_recv().is_ok() {}
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

fn work(shared: &Shared, jobs: &Receiver<Queued>, leave: &Receiver<()>) {
    IS_WORKER.set(true);
    loop {
        // `select!` chooses at random among what is ready; a worker too many must go first.
        if leave.try_recv().is_ok() {
            return;
        }
        let queued = select! {
            recv(leave) -> _ => return,
            recv(jobs) -> queued => queued,
        };
        let Ok(queued) = queued else { return };
        shared.room.release();
        if shared.stopping.load(Ordering::Acquire) {
            continue;
        }
        run(&shared.recorder, queued);
    }
}

fn run(recorder: &Recorder, Queued { mut job, class, submitted }: Queued) {
    let task = recorder.start(Pool::Cpu, class, submitted);
    let timer = if task.timed { CpuTimer::begin() } else { None };
    let outcome = job.run();
    let measured = timer.map(CpuTimer::end);
    // Noted before the result is handed over: who has the result finds the task in the statistics.
    recorder.finish(&task, Ended { measured, outcome });
    // Nobody may be waiting any more; then the result is dropped here, and its `drop` may panic.
    let _ = catch_unwind(AssertUnwindSafe(move || job.deliver()));
}
