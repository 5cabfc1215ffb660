//! What tasks did: how long they waited, ran, and were on a CPU.
//!
//! Every task is noted twice, at its start and at its end. To keep workers from meeting at one lock the
//! counts are split into shards, one for every few threads; a thread always uses its own, and the end of a
//! task goes to the shard of its start, so that each shard balances. Histograms hold nanoseconds with two
//! significant digits (1 % off at most), up to an hour.
//!
//! Reading (the window) locks one shard after the other and adds up.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use crate::kind::TaskKind;
use crate::meter::Measured;
use crate::stats::ClassStats;

/// More would only cost memory: a class takes up to 80 KB in each.
const MOST_SHARDS: usize = 8;
const LONGEST: Duration = Duration::from_secs(3600);
/// A class's first tasks in a shard are all metered, so that its kind shows early...
const METERED_FIRST: u64 = 32;
/// ... and then one in this many.
const METERED_EVERY: u64 = 8;

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
}

/// Two cache lines, because processors fetch them in pairs: neighbours must not slow each other down.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    cpu: Totals,
    io: Totals,
    classes: Vec<Class>,
}

/// One pool. Only ever grows, but for what is running.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Totals {
    pub(crate) completed: u64,
    pub(crate) wait_ns: u128,
    pub(crate) service_ns: u128,
    /// Time that ended tasks ran, those given up half way among them.
    ended_ns: u128,
    running: u64,
    /// Sum of the moments at which the running tasks started.
    running_since_ns: u128,
}

#[derive(Debug)]
struct Class {
    started: u64,
    panicked: u64,
    wait: Histogram<u64>,
    service: Histogram<u64>,
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
    pub(crate) metered: bool,
}

/// How a task ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ended {
    pub(crate) measured: Option<Measured>,
    pub(crate) panicked: bool,
}

impl Recorder {
    pub(crate) fn new(cores: usize) -> Self {
        let shards = cores.clamp(1, MOST_SHARDS);
        Self {
            origin: Instant::now(),
            names: Mutex::default(),
            shards: (0..shards).map(|_| Shard::default()).collect(),
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
        let metered =
            class_counts.started < METERED_FIRST || class_counts.started.is_multiple_of(METERED_EVERY);
        class_counts.started += 1;
        drop(counts);
        Started { pool, class, shard, at, wait: at.saturating_duration_since(submitted), metered }
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
        class.wait.saturating_record(whole_nanoseconds(task.wait));
        class.service.saturating_record(whole_nanoseconds(service));
        class.panicked += u64::from(ended.panicked);
        if let Some(measured) = ended.measured {
            class.measured.elapsed += measured.elapsed.saturating_sub(measured.not_running);
            class.measured.on_cpu += measured.on_cpu;
        }
    }

    /// Notes that a task was dropped before its end, as on shutdown: it counts as busy, not as completed.
    pub(crate) fn give_up(&self, task: &Started) {
        let service = task.at.elapsed();
        self.counts(task.shard).lock().pool(task.pool).end(self.nanoseconds(task.at), service);
    }

    /// Totals of a pool, and the busy time up to `now`, tasks still running among it.
    pub(crate) fn totals(&self, pool: Pool, now: Instant) -> (Totals, u128) {
        let mut sum = Totals::default();
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

    /// Every class, in the order of the names.
    pub(crate) fn classes(&self) -> Vec<ClassStats> {
        let names = self.names.lock().clone();
        let mut classes: Vec<_> =
            names.into_iter().enumerate().map(|(index, name)| self.class_stats(index, name)).collect();
        classes.sort_by(|a, b| a.name.cmp(&b.name));
        classes
    }

    fn class_stats(&self, index: usize, name: String) -> ClassStats {
        let mut sum = Class::new();
        for shard in &self.shards {
            if let Some(class) = shard.0.lock().classes.get(index) {
                sum.add(class);
            }
        }
        let completed = sum.service.len();
        let whole = sum.measured.elapsed.as_secs_f64();
        let cpu_share = if whole > 0.0 { (sum.measured.on_cpu.as_secs_f64() / whole).min(1.0) } else { 0.0 };
        ClassStats {
            name,
            kind: TaskKind::infer(completed, cpu_share),
            completed,
            panicked: sum.panicked,
            cpu_share,
            wait_p50_us: quantile_us(&sum.wait, 0.50),
            wait_p99_us: quantile_us(&sum.wait, 0.99),
            service_p50_us: quantile_us(&sum.service, 0.50),
            service_p99_us: quantile_us(&sum.service, 0.99),
        }
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
    fn pool(&mut self, pool: Pool) -> &mut Totals {
        match pool {
            Pool::Cpu => &mut self.cpu,
            Pool::Io => &mut self.io,
        }
    }

    #[expect(clippy::indexing_slicing, reason = "the vector was just made long enough")]
    fn class(&mut self, ClassId(index): ClassId) -> &mut Class {
        if self.classes.len() <= index {
            self.classes.resize_with(index + 1, Class::new);
        }
        &mut self.classes[index]
    }
}

impl Totals {
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

impl Class {
    fn new() -> Self {
        #[expect(clippy::expect_used, reason = "the bounds are constants that the constructor accepts")]
        let histogram =
            Histogram::new_with_bounds(1, whole_nanoseconds(LONGEST), 2).expect("constant bounds");
        Self {
            started: 0,
            panicked: 0,
            wait: histogram.clone(),
            service: histogram,
            measured: Measured::default(),
        }
    }

    #[expect(clippy::expect_used, reason = "adding fails only for a histogram with a wider range")]
    fn add(&mut self, other: &Self) {
        self.started += other.started;
        self.panicked += other.panicked;
        self.wait.add(&other.wait).expect("equal bounds");
        self.service.add(&other.service).expect("equal bounds");
        self.measured.elapsed += other.measured.elapsed;
        self.measured.on_cpu += other.measured.on_cpu;
    }
}

#[expect(clippy::as_conversions, reason = "at most an hour in nanoseconds, far below 2^53")]
fn quantile_us(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    // A bucket is answered by its upper edge, which may lie above the largest figure.
    histogram.value_at_quantile(quantile).min(histogram.max()) as f64 / 1e3
}

fn whole_nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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
        recorder.finish(&task, Ended { measured: None, panicked: false });
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
        assert_eq!(recorder.classes()[0].completed, 0);
    }

    #[test]
    fn classes_are_registered_once_and_listed_by_name() {
        let recorder = Recorder::new(4);
        let (walk, index) = (recorder.class("walk"), recorder.class("index"));
        assert_eq!(recorder.class("walk"), walk);
        assert_ne!(index, walk);
        let task = recorder.start(Pool::Cpu, walk, Instant::now());
        recorder.finish(&task, Ended { measured: None, panicked: true });
        let names: Vec<_> =
            recorder.classes().into_iter().map(|c| (c.name, c.completed, c.panicked)).collect();
        assert_eq!(names, [("index".to_owned(), 0, 0), ("walk".to_owned(), 1, 1)]);
    }
}
