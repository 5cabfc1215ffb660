//! What tasks did: how long they waited, ran, and were on a CPU, and how many failed.
//!
//! Every task is noted twice, at its start and at its end. To keep workers from meeting at one lock the
//! counts are split into shards, one for every few threads; a thread always uses its own, and the end of a
//! task goes to the shard of its start, so that each shard balances.
//!
//! A shard keeps the classes' figures of the window only. Who reads the window takes them out, one shard
//! after the other, and holds each lock only to exchange them for empty ones; the figures since the start
//! are added up by the reader.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use host_contract::Latency;
use parking_lot::Mutex;

use crate::cpu_timer::Measured;
use crate::error::TaskError;
use crate::kind;
use crate::stats::ClassStats;

/// More would only cost memory: a class takes up to 120 KB in each.
const MOST_SHARDS: usize = 8;
/// A class's first tasks in a shard are all timed on the CPU, so that its kind shows early...
const TIMED_FIRST: u64 = 32;
/// ... and then one in this many.
const TIMED_EVERY: u64 = 8;

/// A class of tasks, named with [`Executor::class`](crate::Executor::class). Means something only to the
/// executor that gave it; another one counts such a task in its pool, but in no class of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClassId(usize);

/// Which pool a task runs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pool {
    Cpu,
    Io,
}

#[derive(Debug)]
pub(crate) struct Recorder {
    origin: Instant,
    /// Guards names only; taken to register a class and to read, never for a task.
    names: Mutex<Vec<String>>,
    shards: Box<[Shard]>,
    /// Figures since the start, by class. Held by who reads the window, never by a task.
    since_start: Mutex<Vec<Figures>>,
}

/// Two cache lines, because processors fetch them in pairs: neighbours must not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    cpu: PoolTotals,
    io: PoolTotals,
    classes: Vec<Class>,
}

/// One pool. Only ever grows, but for what is running.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct PoolTotals {
    pub(crate) completed: u64,
    pub(crate) wait_ns: u128,
    pub(crate) service_ns: u128,
    /// Time that ended tasks ran, those given up half way among them.
    ended_ns: u128,
    running: u64,
    /// Sum of the moments at which the running tasks started.
    running_since_ns: u128,
}

/// One class in one shard.
#[derive(Debug, Default)]
struct Class {
    /// Since the start.
    started: u64,
    /// Of the window; none while no task has ended in it.
    window: Option<Box<Figures>>,
}

/// What is known of the tasks of a class that have ended.
#[derive(Debug, Clone, Default)]
struct Figures {
    failed: u64,
    panicked: u64,
    wait: Latency,
    service: Latency,
    /// From submission to end.
    total: Latency,
    measured: Measured,
}

/// A task that runs. To be handed to [`Recorder::finish`] or [`Recorder::give_up`].
#[derive(Debug)]
pub(crate) struct Started {
    pool: Pool,
    class: ClassId,
    shard: usize,
    at: Instant,
    wait: Duration,
    /// Whether the time on a CPU is to be measured.
    pub(crate) timed: bool,
}

/// How a task ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) measured: Option<Measured>,
    pub(crate) outcome: Outcome,
}

/// What a task came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Succeeded,
    /// It returned an error.
    Failed,
    Panicked,
}

impl Outcome {
    /// The outcome of a task that ran to its end or panicked; `failed` says of a result whether it is an
    /// error.
    pub(crate) fn of<T>(result: &Result<T, TaskError>, failed: fn(&T) -> bool) -> Self {
        match result {
            Ok(value) if failed(value) => Self::Failed,
            Ok(_) => Self::Succeeded,
            Err(_) => Self::Panicked,
        }
    }
}

impl Recorder {
    pub(crate) fn new(cores: usize) -> Self {
        let shards = cores.clamp(1, MOST_SHARDS);
        Self {
            origin: Instant::now(),
            names: Mutex::default(),
            shards: (0..shards).map(|_| Shard::default()).collect(),
            since_start: Mutex::default(),
        }
    }

    pub(crate) fn class(&self, name: &str) -> ClassId {
        let mut names = self.names.lock();
        let known = names.iter().position(|known| known == name);
        ClassId(known.unwrap_or_else(|| {
            names.push(name.to_owned());
            names.len() - 1
        }))
    }

    pub(crate) fn start(&self, pool: Pool, class: ClassId, submitted: Instant) -> Started {
        let shard = thread_number() % self.shards.len();
        let at = Instant::now();
        let mut counts = self.counts(shard).lock();
        let totals = counts.pool(pool);
        totals.running += 1;
        totals.running_since_ns += self.nanoseconds(at);
        let class_counts = counts.class(class);
        let timed = class_counts.started < TIMED_FIRST || class_counts.started.is_multiple_of(TIMED_EVERY);
        class_counts.started += 1;
        drop(counts);
        Started { pool, class, shard, at, wait: at.saturating_duration_since(submitted), timed }
    }

    pub(crate) fn finish(&self, task: &Started, ended: Ended) {
        let now = Instant::now();
        let service = now.saturating_duration_since(task.at);
        let mut counts = self.counts(task.shard).lock();
        let totals = counts.pool(task.pool);
        totals.end(self.nanoseconds(task.at), service);
        totals.completed += 1;
        totals.wait_ns += task.wait.as_nanos();
        totals.service_ns += service.as_nanos();
        let class = counts.class(task.class);
        class.window.get_or_insert_default().add_task(task.wait, service, ended);
    }

    /// Notes that a task was dropped before its end, as on shutdown: it counts as busy, not as completed.
    pub(crate) fn give_up(&self, task: &Started) {
        let service = task.at.elapsed();
        self.counts(task.shard).lock().pool(task.pool).end(self.nanoseconds(task.at), service);
    }

    /// Totals of a pool, and the busy time up to `now`, tasks still running among it.
    pub(crate) fn totals(&self, pool: Pool, now: Instant) -> (PoolTotals, u128) {
        let mut sum = PoolTotals::default();
        for shard in &self.shards {
            sum.add(shard.0.lock().pool(pool));
        }
        let running = u128::from(sum.running) * self.nanoseconds(now);
        (sum, sum.ended_ns + running.saturating_sub(sum.running_since_ns))
    }

    /// Tasks that run now.
    pub(crate) fn running(&self, pool: Pool) -> u64 {
        self.totals(pool, self.origin).0.running
    }

    /// Every class, in the order of the names, and begins a new window.
    pub(crate) fn window(&self) -> Vec<ClassStats> {
        let names = self.names.lock().clone();
        let mut since_start = self.since_start.lock();
        // Names are only ever added, but another reader may have come first.
        let known = names.len().max(since_start.len());
        since_start.resize_with(known, Figures::default);
        let classes = names.into_iter().zip(since_start.iter_mut()).enumerate();
        let mut stats: Vec<_> = classes
            .map(|(index, (name, since_start))| {
                let window = self.take_window(index);
                since_start.add(&window);
                since_start.stats(name, &window)
            })
            .collect();
        stats.sort_by(|a, b| a.name.cmp(&b.name));
        stats
    }

    /// Takes the figures of a class out of all shards.
    fn take_window(&self, index: usize) -> Figures {
        let mut sum = Figures::default();
        for shard in &self.shards {
            let taken = shard.0.lock().classes.get_mut(index).and_then(|class| class.window.take());
            if let Some(taken) = taken {
                sum.add(&taken);
            }
        }
        sum
    }

    #[expect(clippy::indexing_slicing, reason = "a shard's number is made modulo the number of shards")]
    fn counts(&self, shard: usize) -> &Mutex<Counts> {
        &self.shards[shard].0
    }

    fn nanoseconds(&self, at: Instant) -> u128 {
        at.saturating_duration_since(self.origin).as_nanos()
    }
}

impl Counts {
    fn pool(&mut self, pool: Pool) -> &mut PoolTotals {
        match pool {
            Pool::Cpu => &mut self.cpu,
            Pool::Io => &mut self.io,
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the vector was just made long enough")]
    fn class(&mut self, ClassId(index): ClassId) -> &mut Class {
        if self.classes.len() <= index {
            self.classes.resize_with(index + 1, Class::default);
        }
        &mut self.classes[index]
    }
}

impl PoolTotals {
    fn end(&mut self, since_ns: u128, service: Duration) {
        self.running -= 1;
        self.running_since_ns -= since_ns;
        self.ended_ns += service.as_nanos();
    }

    fn add(&mut self, other: &Self) {
        self.completed += other.completed;
        self.wait_ns += other.wait_ns;
        self.service_ns += other.service_ns;
        self.ended_ns += other.ended_ns;
        self.running += other.running;
        self.running_since_ns += other.running_since_ns;
    }
}

impl Figures {
    fn add_task(&mut self, wait: Duration, service: Duration, ended: Ended) {
        self.wait.record(wait);
        self.service.record(service);
        self.total.record(wait.saturating_add(service));
        self.panicked += u64::from(ended.outcome == Outcome::Panicked);
        self.failed += u64::from(ended.outcome != Outcome::Succeeded);
        if let Some(measured) = ended.measured {
            self.measured.elapsed += measured.elapsed.saturating_sub(measured.not_running);
            self.measured.on_cpu += measured.on_cpu;
        }
    }

    fn add(&mut self, other: &Self) {
        self.failed += other.failed;
        self.panicked += other.panicked;
        self.wait.merge(&other.wait);
        self.service.merge(&other.service);
        self.total.merge(&other.total);
        self.measured.elapsed += other.measured.elapsed;
        self.measured.on_cpu += other.measured.on_cpu;
    }

    /// Of a class since the start, with its window.
    fn stats(&self, name: String, window: &Self) -> ClassStats {
        let (wait, service, total) =
            (self.wait.percentiles(), self.service.percentiles(), self.total.percentiles());
        let elapsed = self.measured.elapsed.as_secs_f64();
        let on_cpu = self.measured.on_cpu.as_secs_f64();
        let cpu_share = if elapsed > 0.0 { (on_cpu / elapsed).min(1.0) } else { 0.0 };
        let in_window = window.total.percentiles();
        ClassStats {
            name,
            kind: kind::infer(total.count, cpu_share),
            completed: total.count,
            panicked: self.panicked,
            failed: self.failed,
            cpu_share,
            wait_p50_us: wait.p50_us,
            wait_p99_us: wait.p99_us,
            service_p50_us: service.p50_us,
            service_p99_us: service.p99_us,
            total_p50_us: total.p50_us,
            total_p99_us: total.p99_us,
            window_completed: in_window.count,
            window_failed: window.failed,
            window_total_p50_us: in_window.p50_us,
            window_total_p99_us: in_window.p99_us,
        }
    }
}

/// Threads are numbered as they come, which spreads them evenly over shards.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
    }
    NUMBER.with(|number| {
        number.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed);
            number.set(Some(next));
            next
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_running_task_is_busy_before_it_ends() {
        let recorder = Recorder::new(2);
        let class = recorder.class("scan");
        let task = recorder.start(Pool::Cpu, class, Instant::now());
        let later = task.at + Duration::from_secs(3);
        let (totals, busy) = recorder.totals(Pool::Cpu, later);
        assert_eq!((totals.completed, totals.running), (0, 1));
        assert_eq!(busy, Duration::from_secs(3).as_nanos());
        recorder.finish(&task, Ended { measured: None, outcome: Outcome::Succeeded });
        let (totals, busy) = recorder.totals(Pool::Cpu, later);
        assert_eq!((totals.completed, totals.running, totals.running_since_ns), (1, 0, 0));
        assert_eq!(busy, totals.service_ns);
        assert_eq!(recorder.totals(Pool::Io, later).1, 0, "the other pool was idle");
    }

    #[test]
    fn a_task_given_up_is_not_completed() {
        let recorder = Recorder::new(1);
        let task = recorder.start(Pool::Io, recorder.class("x"), Instant::now());
        recorder.give_up(&task);
        assert_eq!(recorder.running(Pool::Io), 0);
        assert_eq!(recorder.window()[0].completed, 0);
    }

    #[test]
    fn classes_are_registered_once_and_listed_by_name() {
        let recorder = Recorder::new(4);
        let (walk, index) = (recorder.class("walk"), recorder.class("index"));
        assert_eq!(recorder.class("walk"), walk);
        assert_ne!(index, walk);
        let task = recorder.start(Pool::Cpu, walk, Instant::now());
        recorder.finish(&task, Ended { measured: None, outcome: Outcome::Panicked });
        let names: Vec<_> =
            recorder.window().into_iter().map(|c| (c.name, c.completed, c.panicked)).collect();
        assert_eq!(names, [("index".to_owned(), 0, 0), ("walk".to_owned(), 1, 1)]);
    }

    #[test]
    fn a_window_begins_anew_and_the_start_goes_on() {
        let recorder = Recorder::new(3);
        let class = recorder.class("load");
        let end = |outcome, waited| {
            let mut task = recorder.start(Pool::Io, class, Instant::now());
            task.wait = waited;
            recorder.finish(&task, Ended { measured: None, outcome });
        };
        end(Outcome::Succeeded, Duration::from_secs(2));
        end(Outcome::Failed, Duration::from_secs(2));
        end(Outcome::Panicked, Duration::from_secs(2));
        let first = recorder.window().remove(0);
        assert_eq!((first.window_completed, first.window_failed, first.completed), (3, 2, 3));
        assert_eq!((first.failed, first.panicked), (2, 1));
        assert!((1.98e6..2.1e6).contains(&first.window_total_p50_us), "the wait counts: {first:?}");

        end(Outcome::Succeeded, Duration::from_secs(9));
        let second = recorder.window().remove(0);
        assert_eq!((second.window_completed, second.window_failed, second.completed), (1, 0, 4));
        assert!(second.window_total_p50_us > 8.9e6 && second.total_p50_us < 2.1e6, "{second:?}");
        let third = recorder.window().remove(0);
        assert_eq!((third.window_completed, third.window_total_p99_us, third.failed), (0, 0.0, 2));
    }
}
