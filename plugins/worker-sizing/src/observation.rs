//! What a law sees of its pool in one window, and sums of such windows.

/// Queue wait, as a share of the time of service, from which tasks wait for workers.
const NOTABLE_WAIT: f64 = 0.05;
/// Share of busy workers above which a pool is full.
const FULL: f64 = 0.9;
/// Tasks that a sample needs to say something of throughput.
const ENOUGH_TASKS: f64 = 24.0;
/// Windows after which a sample says what it can, however few the tasks.
const MOST_WINDOWS: u32 = 4;

/// What a share of failures weighs against goodput.
const FAILURE: f64 = 0.15;

/// One window of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Observation {
    pub(crate) tick: u64,
    /// Length of the window.
    pub(crate) seconds: f64,
    pub(crate) workers: u32,
    /// The least that may be proposed.
    pub(crate) least: u32,
    /// The most that may be proposed.
    pub(crate) most: u32,
    /// Mean share of workers that were busy.
    pub(crate) busy: f64,
    /// Tasks that wait now.
    pub(crate) queued: f64,
    /// Tasks that succeeded in the window.
    pub(crate) succeeded: f64,
    /// Tasks that failed in the window.
    pub(crate) failed: f64,
    /// Mean wait in the queue, microseconds.
    pub(crate) wait_us: f64,
    /// Mean time from start to end, microseconds.
    pub(crate) service_us: f64,
    /// Workers by the formula for this kind of work; none while the kind is not known.
    pub(crate) prior: Option<f64>,
    /// The workers that are enough where this process keeps its cores busy; none where that is not known.
    pub(crate) enough_for_cores: Option<f64>,
    /// CPU that this process uses, as a share of the cores it may use; none where the host does not tell.
    pub(crate) own_cpu: Option<f64>,
    /// CPU that other processes use, as a share of the machine; none where the host does not tell.
    pub(crate) others_cpu: Option<f64>,
    /// Share of the CPU quota's periods in which this process was held back; none where there is no quota.
    pub(crate) throttled: Option<f64>,
    /// Share of time in which some task waited for a disk; none where the kernel does not tell.
    pub(crate) disk_pressure: Option<f64>,
}

/// Windows of one number of workers, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) windows: u32,
    seconds: f64,
    succeeded: f64,
    failed: f64,
    /// Sums over tasks, and over windows.
    wait_us: f64,
    service_us: f64,
    busy_workers: f64,
    workers: f64,
    queued: f64,
}

impl Sample {
    pub(crate) fn add(&mut self, now: &Observation) {
        let ended = now.succeeded + now.failed;
        self.windows += 1;
        self.seconds += now.seconds;
        self.succeeded += now.succeeded;
        self.failed += now.failed;
        self.wait_us += now.wait_us * ended;
        self.service_us += now.service_us * ended;
        self.busy_workers += now.busy * f64::from(now.workers) * now.seconds;
        self.workers += f64::from(now.workers) * now.seconds;
        self.queued += now.queued;
    }

    /// Whether it holds enough to compare it.
    pub(crate) fn is_enough(&self) -> bool {
        self.succeeded >= ENOUGH_TASKS || self.windows >= MOST_WINDOWS
    }

    /// Successes a second.
    pub(crate) fn per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.succeeded / self.seconds } else { 0.0 }
    }

    /// The same as a logarithm; of a sample without success that of a tenth of a task, so that it compares as very bad.
    pub(crate) fn log_goodput(&self) -> f64 {
        (self.succeeded.max(0.1) / self.seconds.max(1e-9)).ln()
    }

    /// What a number of workers is judged by, as a logarithm: goodput, less for failures. Whoever asked pays for each of
    /// them, also where the tries after it make up for it.
    pub(crate) fn utility(&self) -> f64 {
        self.log_goodput() - FAILURE * self.failed_share()
    }

    /// Standard deviation of [`log_goodput`](Self::log_goodput) by the number of tasks alone, were they independent.
    pub(crate) fn counting_noise(&self) -> f64 {
        1.0 / self.succeeded.max(1.0).sqrt()
    }

    pub(crate) fn mean_wait_us(&self) -> f64 {
        self.wait_us / self.ended().max(1.0)
    }

    pub(crate) fn mean_service_us(&self) -> f64 {
        self.service_us / self.ended().max(1.0)
    }

    /// Mean time from submission to end, microseconds.
    pub(crate) fn mean_total_us(&self) -> f64 {
        self.mean_wait_us() + self.mean_service_us()
    }

    /// Tasks that ran at once, on average.
    pub(crate) fn in_flight(&self) -> f64 {
        self.busy_workers / self.seconds.max(1e-9)
    }

    /// Share of busy workers.
    pub(crate) fn busy(&self) -> f64 {
        self.busy_workers / self.workers.max(1e-9)
    }

    /// Share of tasks that failed.
    pub(crate) fn failed_share(&self) -> f64 {
        self.failed / self.ended().max(1.0)
    }

    /// Tasks that waited at the end of a window, on average.
    pub(crate) fn queued(&self) -> f64 {
        self.queued / f64::from(self.windows.max(1))
    }

    /// Whether tasks wait for workers.
    pub(crate) fn waits(&self) -> bool {
        self.mean_wait_us() > NOTABLE_WAIT * self.mean_service_us() || self.queued() >= 1.0
    }

    /// Whether every worker is taken and tasks wait: then throughput follows from the number of workers, and from nothing
    /// that this process can see besides.
    pub(crate) fn is_saturated(&self) -> bool {
        self.waits() && self.busy() > FULL
    }

    fn ended(&self) -> f64 {
        self.succeeded + self.failed
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What a sample of one second is made of.
    pub(crate) struct Shape {
        pub(crate) workers: u32,
        pub(crate) per_second: f64,
        pub(crate) busy: f64,
        pub(crate) queued: f64,
        pub(crate) service_us: f64,
        /// Share of the tasks that fail.
        pub(crate) failed: f64,
    }

    impl Shape {
        /// A full pool with more to do than it can.
        pub(crate) fn of(workers: u32, per_second: f64) -> Self {
            Self { workers, per_second, busy: 1.0, queued: 50.0, service_us: 10_000.0, failed: 0.0 }
        }
    }

    pub(crate) fn sample(shape: Shape) -> Sample {
        let mut sample = Sample::default();
        sample.add(&Observation {
            seconds: 1.0,
            workers: shape.workers,
            busy: shape.busy,
            queued: shape.queued,
            succeeded: shape.per_second * (1.0 - shape.failed),
            failed: shape.per_second * shape.failed,
            wait_us: shape.queued * 1000.0,
            service_us: shape.service_us,
            ..Observation::default()
        });
        sample
    }

    #[test]
    fn windows_add_up_by_tasks_and_by_time() {
        let mut sample = Sample::default();
        let window = Observation { seconds: 1.0, workers: 10, busy: 1.0, ..Observation::default() };
        sample.add(&Observation { succeeded: 30.0, service_us: 100.0, ..window });
        assert!(sample.is_enough());
        sample.add(&Observation { succeeded: 10.0, service_us: 300.0, busy: 0.5, workers: 20, ..window });
        assert_eq!(sample.per_second(), 20.0);
        assert_eq!(sample.mean_service_us(), 150.0);
        assert_eq!(sample.in_flight(), 10.0);
        assert!((sample.busy() - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn few_tasks_are_waited_for_and_not_for_ever() {
        let mut sample = Sample::default();
        let window = Observation { seconds: 1.0, workers: 1, succeeded: 1.0, ..Observation::default() };
        for _ in 0..3 {
            sample.add(&window);
            assert!(!sample.is_enough());
        }
        sample.add(&window);
        assert!(sample.is_enough());
    }

    #[test]
    fn failures_count_against_goodput() {
        let (well, badly) =
            (sample(Shape::of(4, 1000.0)), sample(Shape { failed: 0.5, ..Shape::of(4, 2000.0) }));
        assert_eq!(well.per_second(), badly.per_second());
        assert!(well.utility() > badly.utility());
        let none = sample(Shape { failed: 1.0, ..Shape::of(4, 1000.0) });
        assert!(none.utility() < badly.utility() - 2.0 && none.utility().is_finite());
    }
}
