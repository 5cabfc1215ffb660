//! The IO pool: async tasks on a runtime of its own, so many at once and no more.
//!
//! A task that finds a free worker is spawned with it. Otherwise it takes a place in the queue of its priority and is
//! spawned to wait for its turn: whoever ends gives the worker to the next one. The runtime's few threads only poll; how many
//! tasks run at once is the limit alone, so it is resized without touching threads.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::backlog::{Admission, Backlog, Next, Service};
use crate::cpu_timer::{CpuTimer, Measured};
use crate::error::{ExecutorError, TaskError};
use crate::place;
use crate::priority::{ByPriority, Priority, Submission};
use crate::recorder::{ClassId, Ended, Outcome, Pool, Recorder, Started};
use crate::stats::PriorityStats;

/// Tokio's own number of threads for blocking calls (`tokio::fs`); raised where more tasks may run at once.
const BLOCKING_THREADS: usize = 512;
/// Threads that poll. Tasks wait for most of their time, so a few serve thousands.
const MOST_POLLING_THREADS: usize = 4;

struct Shared {
    state: Mutex<State>,
    recorder: Arc<Recorder>,
}

/// Never held while a task is polled or dropped.
struct State {
    backlog: Backlog<Waiting>,
    /// Tasks that have a worker.
    running: u32,
    /// Workers that are wanted, and the most there may be, whatever is wanted.
    wanted: u32,
    most: u32,
}

/// What a future's output says of the task.
pub(crate) struct Says<T> {
    /// Whether it failed.
    pub(crate) failed: fn(&T) -> bool,
    /// Time on a CPU, where the work was done elsewhere; without it the time of the threads that poll is measured.
    pub(crate) cpu: Option<fn(&T) -> Option<Duration>>,
}

/// A spawned task that waits for its turn.
type Waiting = oneshot::Sender<Result<Worker, TaskError>>;

/// What waits for its turn at the other end.
type Turn = oneshot::Receiver<Result<Worker, TaskError>>;

/// A task as it is to be spawned.
struct Task<F: Future> {
    class: ClassId,
    future: F,
    submitted: Instant,
    says: Says<F::Output>,
}

type Spawned<T> = JoinHandle<Result<T, TaskError>>;

pub(crate) struct IoPool {
    shared: Arc<Shared>,
    /// None once shut down.
    runtime: Option<Runtime>,
    handle: Handle,
}

impl IoPool {
    pub(crate) fn new(
        (workers, max_workers): (u32, u32),
        queue: u32,
        shares: &ByPriority<u32>,
        cores: usize,
        recorder: Arc<Recorder>,
    ) -> Result<Self, ExecutorError> {
        let blocking = usize::try_from(max_workers).unwrap_or(usize::MAX).max(BLOCKING_THREADS);
        let runtime = Builder::new_multi_thread()
            .thread_name("host-io")
            .worker_threads(cores.clamp(1, MOST_POLLING_THREADS))
            .max_blocking_threads(blocking)
            .enable_all()
            .build()
            .map_err(ExecutorError::Runtime)?;
        let state =
            State { backlog: Backlog::new(queue, shares), running: 0, wanted: workers, most: u32::MAX };
        let handle = runtime.handle().clone();
        Ok(Self {
            shared: Arc::new(Shared { state: Mutex::new(state), recorder }),
            runtime: Some(runtime),
            handle,
        })
    }

    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Waits for a worker or a place in the queue, and spawns.
    pub(crate) async fn submit<F>(
        &self,
        Submission { class, priority }: Submission,
        future: F,
        says: Says<F::Output>,
    ) -> Result<Spawned<F::Output>, TaskError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Task { class, future, submitted: Instant::now(), says };
        let granted = match self.shared.ask(priority, class)? {
            Answer::Begin(service) => return Ok(self.spawn_now(service, task)),
            Answer::Queued(turn) => return Ok(self.spawn(turn, task)),
            Answer::Full(granted) => granted,
        };
        place::granted(granted, || self.shared.state.lock().backlog.give_back(priority)).await?;
        let turn = self.shared.queue(&mut self.shared.state.lock(), priority, class)?;
        self.shared.start_next();
        Ok(self.spawn(turn, task))
    }

    /// Spawns a task without waiting, if need be in the place of one of a lower priority.
    pub(crate) fn try_submit<F>(
        &self,
        Submission { class, priority }: Submission,
        future: F,
        says: Says<F::Output>,
    ) -> Result<Spawned<F::Output>, TaskError>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Task { class, future, submitted: Instant::now(), says };
        let mut state = self.shared.state.lock();
        if let Some(service) = state.begin(priority, class) {
            drop(state);
            return Ok(self.spawn_now(service, task));
        }
        let displaced = match state.backlog.admit(priority) {
            Admission::Closed => return Err(TaskError::Stopped),
            Admission::Granted => None,
            Admission::Full => match state.backlog.displace(priority) {
                Some(displaced) => Some(displaced),
                None => {
                    state.backlog.turned_away(priority);
                    let queued = state.backlog.waiting(priority);
                    return Err(TaskError::Shed { priority, queued, displaced_by: None });
                }
            },
        };
        let turn = self.shared.queue(&mut state, priority, class)?;
        if let Some((lower, displaced)) = displaced {
            let queued = state.backlog.waiting(lower);
            let why = TaskError::Shed { priority: lower, queued, displaced_by: Some(priority) };
            drop(state);
            // It drops its future by itself, in the runtime.
            let _ = displaced.send(Err(why));
        } else {
            drop(state);
        }
        Ok(self.spawn(turn, task))
    }

    fn spawn<F>(&self, turn: Turn, task: Task<F>) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(async move {
            let worker = turn.await.map_err(|_closed| TaskError::Stopped)??;
            run(worker, task).await
        })
    }

    fn spawn_now<F>(&self, service: Service, task: Task<F>) -> Spawned<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.handle.spawn(run(Worker::new(&self.shared, service), task))
    }

    /// Limits a class to one at a time, or no longer.
    pub(crate) fn limit(&self, class: ClassId, single: bool) {
        self.shared.state.lock().backlog.limit(class, single);
        self.shared.start_next();
    }

    pub(crate) fn workers(&self) -> u32 {
        self.shared.state.lock().workers()
    }

    pub(crate) fn queued(&self) -> u64 {
        self.stats().iter().map(|(_, stats)| stats.queued).sum()
    }

    /// Figures of each priority.
    pub(crate) fn stats(&self) -> ByPriority<PriorityStats> {
        self.shared.state.lock().backlog.stats()
    }

    /// Raises or lowers the number of workers. `changed` is told the number in force, under the lock.
    pub(crate) fn resize(&self, workers: u32, changed: impl FnOnce(u32)) -> u32 {
        self.change(|state| state.wanted = workers, changed)
    }

    /// Bounds the number of workers, whatever was or will be wanted. `changed` as of [`resize`](Self::resize).
    pub(crate) fn bound(&self, most: u32, changed: impl FnOnce(u32)) -> u32 {
        self.change(|state| state.most = most, changed)
    }

    fn change(&self, to: impl FnOnce(&mut State), changed: impl FnOnce(u32)) -> u32 {
        let workers = {
            let mut state = self.shared.state.lock();
            to(&mut state);
            changed(state.workers());
            state.workers()
        };
        self.shared.start_next();
        workers
    }

    /// Stops what is queued. Does not wait.
    pub(crate) fn close(&self) {
        let left = self.shared.state.lock().backlog.close();
        // Tells those who wait, without the lock.
        drop(left);
    }

    /// Waits until no task runs, at most `grace`. Not to be called on the runtime itself.
    pub(crate) fn wait(&self, grace: Duration) {
        let begun = Instant::now();
        while self.shared.recorder.running(Pool::Io) > 0 && begun.elapsed() < grace {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Drops what still runs, at its next await. Does not wait, so it may be called anywhere.
    pub(crate) fn shut_down(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl State {
    /// Workers there are.
    fn workers(&self) -> u32 {
        self.wanted.min(self.most)
    }

    /// A worker, if one is free and nobody waits for it.
    fn begin(&mut self, priority: Priority, class: ClassId) -> Option<Service> {
        let service = if self.running < self.workers() { self.backlog.begin(priority, class) } else { None };
        self.running += u32::from(service.is_some());
        service
    }

    /// The next one to get a worker.
    fn next(&mut self) -> Option<(Service, Waiting)> {
        if self.running >= self.workers() {
            return None;
        }
        match self.backlog.next(None, false)? {
            Next::Task(service, waiting) => {
                self.running += 1;
                Some((service, waiting))
            }
            // Workers here have no queues of their own.
            Next::Own(service) => {
                self.backlog.end(&service, Duration::ZERO, 0);
                None
            }
        }
    }
}

/// What becomes of a task that is submitted.
enum Answer {
    /// It has a worker.
    Begin(Service),
    /// It waits for its turn.
    Queued(Turn),
    /// It has to wait for a place.
    Full(oneshot::Receiver<()>),
}

impl Shared {
    fn ask(&self, priority: Priority, class: ClassId) -> Result<Answer, TaskError> {
        let mut state = self.state.lock();
        if let Some(service) = state.begin(priority, class) {
            return Ok(Answer::Begin(service));
        }
        match state.backlog.admit(priority) {
            Admission::Closed => Err(TaskError::Stopped),
            Admission::Granted => self.queue(&mut state, priority, class).map(Answer::Queued),
            Admission::Full => Ok(Answer::Full(state.backlog.wait(priority))),
        }
    }

    /// Queues a task for which there is a place.
    fn queue(&self, state: &mut State, priority: Priority, class: ClassId) -> Result<Turn, TaskError> {
        let (waiting, turn) = oneshot::channel();
        state.backlog.push(priority, class, waiting).map_err(|_dropped| TaskError::Stopped)?;
        Ok(turn)
    }

    /// Gives free workers to who waits.
    fn start_next(self: &Arc<Self>) {
        loop {
            let Some((service, waiting)) = self.state.lock().next() else { return };
            self.start(service, waiting);
        }
    }

    fn start(self: &Arc<Self>, service: Service, waiting: Waiting) {
        // A task that was dropped meanwhile gives its worker back.
        drop(waiting.send(Ok(Worker::new(self, service))));
    }
}

/// A worker that a task has, given to the next one when dropped: also when the task is dropped half way.
struct Worker {
    shared: Arc<Shared>,
    service: Service,
    since: Instant,
    completed: bool,
}

impl Worker {
    fn new(shared: &Arc<Shared>, service: Service) -> Self {
        Self { shared: Arc::clone(shared), service, since: Instant::now(), completed: false }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let next = {
            let mut state = self.shared.state.lock();
            state.running -= 1;
            state.backlog.end(&self.service, self.since.elapsed(), u64::from(self.completed));
            state.next()
        };
        if let Some((service, waiting)) = next {
            self.shared.start(service, waiting);
            self.shared.start_next();
        }
    }
}

/// Notes the end of a task, also of one that is dropped half way.
struct Running<'a> {
    recorder: &'a Recorder,
    task: Started,
    ended: Option<Ended>,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        match self.ended {
            Some(ended) => self.recorder.finish(&self.task, ended),
            None => self.recorder.give_up(&self.task),
        }
    }
}

async fn run<F: Future>(
    mut worker: Worker,
    Task { class, future, submitted, says }: Task<F>,
) -> Result<F::Output, TaskError> {
    let shared = Arc::clone(&worker.shared);
    let recorder = &*shared.recorder;
    let task = recorder.start(Pool::Io, class, submitted);
    let timed = task.timed && says.cpu.is_none();
    let begun = Instant::now();
    let mut running = Running { recorder, task, ended: None };
    let mut future = pin!(future);
    let (mut on_cpu, mut not_running) = (Duration::ZERO, Duration::ZERO);
    let mut first_polled = None;
    let mut measured = None;
    let result = poll_fn(|context| {
        let timer = if timed { CpuTimer::begin() } else { None };
        // The future is not polled again after a panic, so nobody sees what it left behind.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        if let Some(timer) = timer {
            let begun = timer.begun();
            let part = timer.end();
            on_cpu += part.on_cpu;
            not_running += part.not_running;
            let elapsed = begun + part.elapsed - *first_polled.get_or_insert(begun);
            measured = Some(Measured { elapsed, on_cpu, not_running });
        }
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(TaskError::panicked(&*payload))),
        }
    })
    .await;
    if let (Some(cpu), Ok(output)) = (says.cpu, &result) {
        let not_running = Duration::ZERO;
        measured = cpu(output).map(|on_cpu| Measured { elapsed: begun.elapsed(), on_cpu, not_running });
    }
    running.ended = Some(Ended { measured, outcome: Outcome::of(&result, says.failed) });
    worker.completed = true;
    result
}
