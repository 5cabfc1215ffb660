//! How many jobs of a batch run at once.
//!
//! A batch has no clients who wait: what counts is the time until its last job has ended. So this law may try boldly what
//! [`law`](crate::law) must not. It begins as TCP does, with twice as many as long as that pays (slow start), and goes
//! then to what Little's law says the bottleneck needs: the highest throughput times the shortest service, as BBR does (Cardwell
//! et al., "BBR: Congestion-Based Congestion Control", ACM Queue 14(5), 2016). From there it tries a few more and a few less at
//! intervals, and keeps what did better. Fewer are kept, too, where they still use up the CPU: they hold less memory.
//!
//! What the first jobs took of the CPU says at once where the CPU ends. Jobs that never wait need no more than the cores: with one more
//! on two, `zstd -19` already does 8 % less (docs/batches.md), since files and tables of all have to fit in the CPU's cache. Jobs that mostly wait have
//! a long way to go, and do the first steps at once.
//!
//! Throughput is jobs at once over their time of service, not jobs counted in a window: jobs that began together end together,
//! and a window would see all of them or none.

use crate::law::Step;
use crate::whole;

/// Jobs that a look of the start needs at least, but for the very first, and one that is compared with another.
const FIRST_JOBS: f64 = 8.0;
const JOBS: f64 = 24.0;
/// A look at so many times the jobs at once has seen the long ones, too.
const TIMES: f64 = 2.0;
/// Throughput has to rise by this factor for twice as many to be followed by twice as many again.
const PAYS: f64 = 1.2;
/// More than the bottleneck needs, so that it never waits for the next job.
const HEADROOM: f64 = 1.05;
/// Ratio of a later trial, at first and at least. Its root is the next, once one in both directions brought nothing.
const STEP: f64 = 1.3;
const LEAST_STEP: f64 = 1.06;
/// A trial upwards has to gain this at least, a trial downwards may lose this at most, as logarithms.
const GAIN: f64 = 0.02;
const LOSS: f64 = 0.01;
/// Standard deviation of a job's time of service over its mean: until windows have shown it, and at least.
const SPREAD: f64 = 0.5;
const LEAST_SPREAD: f64 = 0.05;
/// Windows with jobs that ended from which it is known.
const SHOWN: f64 = 3.0;
/// CPU of the machine in use from which more jobs only take turns, and the seconds that a figure of it needs.
const USED_UP: f64 = 0.95;
const CPU_SECONDS: f64 = 0.5;
/// The same of what the first jobs took of the cores: a part of the time from start to end of a job is nobody's.
const JOBS_USE_UP: f64 = 0.93;
/// So many a core come second, if that is more than twice as many, and the CPU has room for them.
const LEAP: u32 = 8;
/// Looks between two trials: at first, and at most. It doubles with each trial that brought nothing.
const REST: u32 = 1;
const LONGEST_REST: u32 = 16;

/// What there is to see of a tick.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Window {
    pub(crate) seconds: f64,
    /// Jobs that may run at once.
    pub(crate) workers: u32,
    /// The least and the most that may be proposed.
    pub(crate) least: u32,
    pub(crate) most: u32,
    /// Mean share of them that ran.
    pub(crate) busy: f64,
    /// Jobs that wait.
    pub(crate) queued: f64,
    /// Jobs that ended well, and others.
    pub(crate) succeeded: f64,
    pub(crate) failed: f64,
    /// Mean time from start to end of those that ended, microseconds.
    pub(crate) service_us: f64,
    /// CPU in use on the machine, 0.0 to 1.0.
    pub(crate) cpu: f64,
    /// Cores that may be used.
    pub(crate) cores: f64,
    /// CPU time of a job over its time from start to end, 0.0 to 1.0: the mean of all so far.
    pub(crate) job_cpu: f64,
}

/// Windows of one number of jobs at once, added up.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Look {
    seconds: f64,
    succeeded: f64,
    failed: f64,
    service_us: f64,
    /// Windows in which jobs ended, and the squares of their mean times of service, by jobs.
    windows: f64,
    squares: f64,
    at_once: f64,
    cpu: f64,
}

impl Look {
    fn add(&mut self, now: &Window) {
        let ended = now.succeeded + now.failed;
        self.seconds += now.seconds;
        self.succeeded += now.succeeded;
        self.failed += now.failed;
        self.service_us += now.service_us * ended;
        self.squares += now.service_us * now.service_us * ended;
        self.windows += if ended > 0.0 { 1.0 } else { 0.0 };
        self.at_once += now.busy * f64::from(now.workers) * now.seconds;
        self.cpu += now.cpu * now.seconds;
    }

    fn ended(&self) -> f64 {
        self.succeeded + self.failed
    }

    /// Seconds from start to end of a job.
    fn service(&self) -> f64 {
        self.service_us / self.ended().max(1.0) / 1e6
    }

    /// Jobs that end well in a second, by Little's law.
    fn throughput(&self) -> f64 {
        let at_once = self.at_once / self.seconds.max(1e-9);
        at_once / self.service().max(1e-9) * self.succeeded.max(0.1) / self.ended().max(1.0)
    }

    fn uses_up_the_cpu(&self) -> bool {
        self.seconds >= CPU_SECONDS && self.cpu / self.seconds >= USED_UP
    }

    /// Standard deviation of the mean time of service, over that time: what the means of the windows differ by, which are those of
    /// their jobs.
    fn noise(&self) -> f64 {
        let jobs = self.ended().max(1.0);
        let mean = self.service_us / jobs;
        let spread = if self.windows < SHOWN {
            SPREAD
        } else {
            ((self.squares - jobs * mean * mean).max(0.0) / (self.windows - 1.0)).sqrt() / mean.max(1.0)
        };
        spread.max(LEAST_SPREAD) / jobs.sqrt()
    }

    /// How much more it does than `other`, as a logarithm, and the standard deviation of that.
    fn gain_over(&self, other: &Self) -> (f64, f64) {
        let gain = (self.throughput() / other.throughput().max(1e-9)).max(1e-9).ln();
        (gain, self.noise().hypot(other.noise()))
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// Twice as many as before, as long as that pays; how many there were before, and what they did.
    Start { before: Option<(u32, Look)> },
    /// So many looks until the next trial.
    Held { rest: u32 },
    /// Others than those held, of which this is known.
    Trial { held: u32, base: Look },
}

/// The law of a batch.
#[derive(Debug)]
pub(crate) struct Batch {
    phase: Phase,
    /// What was asked for last; none before the first tick.
    expected: Option<u32>,
    look: Look,
    /// Seconds, and jobs that end, that still show the number before: where more take longer, those that end first are the
    /// ones that began among fewer.
    wash_in: (f64, f64),
    upwards: bool,
    step: f64,
    /// Trials in a row that brought nothing.
    lost: u32,
    rest: u32,
}

impl Default for Batch {
    fn default() -> Self {
        Self {
            phase: Phase::Start { before: None },
            expected: None,
            look: Look::default(),
            wash_in: (0.0, 0.0),
            upwards: true,
            step: STEP,
            lost: 0,
            rest: REST,
        }
    }
}

impl Batch {
    /// One tick.
    pub(crate) fn step(&mut self, now: &Window) -> Step {
        if self.expected != Some(now.workers) {
            self.set_by_others(now);
        }
        if now.queued <= 0.0 {
            // Whoever ends now is not replaced: the pool runs empty, and says nothing of its size.
            self.look = Look::default();
            return Step::Stay;
        }
        let (seconds, jobs) = &mut self.wash_in;
        if *seconds > 0.0 || *jobs > 0.0 {
            *seconds -= now.seconds;
            *jobs -= now.succeeded + now.failed;
            return Step::Stay;
        }
        self.look.add(now);
        if !self.has_seen_enough(now) {
            return Step::Stay;
        }
        let look = std::mem::take(&mut self.look);
        match self.phase {
            Phase::Start { before } => self.started(before, look, now),
            Phase::Held { rest: 0 } => self.attempt(look, now),
            Phase::Held { rest } => {
                self.phase = Phase::Held { rest: rest - 1 };
                Step::Stay
            }
            Phase::Trial { held, base } => self.tried(held, base, look, now),
        }
    }

    /// The first tick, or somebody else has another number in force: memory is short, or an operator said so.
    fn set_by_others(&mut self, now: &Window) {
        if self.expected.is_some() {
            self.phase = Phase::Held { rest: self.rest };
            self.wash_in = (now.service_us / 1e6, f64::from(now.workers));
        }
        self.expected = Some(now.workers);
        self.look = Look::default();
    }

    fn has_seen_enough(&self, now: &Window) -> bool {
        let at_once = f64::from(now.workers);
        match self.phase {
            Phase::Start { before: None } => self.look.ended() >= at_once,
            Phase::Start { .. } => self.look.ended() >= FIRST_JOBS.max(at_once),
            Phase::Held { .. } | Phase::Trial { .. } => {
                self.look.ended() >= JOBS.max(TIMES * at_once) && self.look.seconds >= CPU_SECONDS
            }
        }
    }

    fn started(&mut self, before: Option<(u32, Look)>, look: Look, now: &Window) -> Step {
        let Some((fewer, before)) = before else { return self.began(look, now) };
        let twice = now.workers.saturating_mul(2).min(now.most);
        let cores_wait = f64::from(now.workers) < now.cores || !look.uses_up_the_cpu();
        if look.gain_over(&before).0 > PAYS.ln() && twice > now.workers && cores_wait {
            self.phase = Phase::Start { before: Some((now.workers, look)) };
            return self.to(twice, now, &look, "twice as many, since jobs wait and the CPU does not");
        }
        self.phase = Phase::Held { rest: self.rest };
        // The bottleneck needs no more: what is beyond waits in it.
        let needs = look.throughput().max(before.throughput()) * look.service().min(before.service());
        let least = fewer.max(now.least);
        let enough = whole((needs * HEADROOM).ceil()).clamp(least, now.workers.max(least));
        if enough == now.workers {
            return Step::Stay;
        }
        self.to(enough, now, &look, "so many more brought little; this is what the bottleneck needs")
    }

    /// The first jobs have ended.
    fn began(&mut self, look: Look, now: &Window) -> Step {
        // As many as the CPU has room for, if none of them ever waits for it.
        let room = whole((now.cores / now.job_cpu.max(1e-3)).round());
        let cores = whole(now.cores.ceil());
        if f64::from(now.workers) * now.job_cpu >= JOBS_USE_UP * now.cores {
            self.phase = Phase::Held { rest: self.rest };
            return match now.workers > cores.max(now.least) {
                true => {
                    self.phase = Phase::Trial { held: now.workers, base: look };
                    let why = "a trial of what jobs that never wait need, since the CPU is used up";
                    self.to(cores.max(now.least), now, &look, why)
                }
                false => Step::Stay,
            };
        }
        let twice = now.workers.saturating_mul(2);
        let more = room.min(cores.saturating_mul(LEAP).max(twice)).min(now.most);
        if more <= now.workers {
            self.phase = Phase::Held { rest: self.rest };
            return Step::Stay;
        }
        self.phase = Phase::Start { before: Some((now.workers, look)) };
        self.to(more, now, &look, "more, since jobs wait and the CPU does not")
    }

    /// Tries a few more or fewer.
    fn attempt(&mut self, base: Look, now: &Window) -> Step {
        let held = now.workers;
        let used_up = base.uses_up_the_cpu();
        let enough = whole(now.cores.ceil());
        let upwards = if used_up { held < enough } else { self.upwards };
        self.upwards = !upwards;
        let to = if upwards {
            whole((f64::from(held) * self.step).ceil()).max(held.saturating_add(1)).min(now.most)
        } else {
            let least = if used_up { enough.min(held) } else { 1 };
            whole((f64::from(held) / self.step).floor()).min(held.saturating_sub(1)).max(least).max(now.least)
        };
        if to == held || to == 0 {
            self.phase = Phase::Held { rest: self.rest };
            return Step::Stay;
        }
        self.phase = Phase::Trial { held, base };
        let why = match (upwards, used_up) {
            (true, _) => "a trial of more",
            (false, true) => "a trial of fewer, since the CPU is used up",
            (false, false) => "a trial of fewer",
        };
        self.to(to, now, &base, why)
    }

    fn tried(&mut self, held: u32, base: Look, look: Look, now: &Window) -> Step {
        let (gain, noise) = look.gain_over(&base);
        let kept = if now.workers > held {
            gain > GAIN.max(noise) || base.uses_up_the_cpu() && gain > -noise
        } else {
            gain > -LOSS || base.uses_up_the_cpu() && look.uses_up_the_cpu()
        };
        if kept {
            // What has paid is tried again, in the same direction.
            self.upwards = now.workers > held;
            (self.rest, self.lost) = (REST, 0);
            return self.attempt(look, now);
        }
        self.lost += 1;
        if self.lost.is_multiple_of(2) {
            self.step = self.step.sqrt().max(LEAST_STEP);
        }
        self.rest = (self.rest * 2).min(LONGEST_REST);
        self.phase = Phase::Held { rest: self.rest };
        self.to(held, now, &look, "back, from a trial that lost or brought nothing")
    }

    fn to(&mut self, workers: u32, now: &Window, look: &Look, why: &str) -> Step {
        self.expected = Some(workers);
        self.wash_in = (look.service(), f64::from(workers));
        self.look = Look::default();
        let (now_at, per_second) = (now.workers, look.throughput());
        Step::To { workers, reason: format!("{now_at} at once do {per_second:.1} jobs a second; {why}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CORES: f64 = 2.0;

    /// Jobs that need so much CPU and wait for so long, at a server that slows down beyond a number at once.
    struct Model {
        cpu: f64,
        waits: f64,
        knee: f64,
    }

    impl Model {
        fn service(&self, at_once: f64) -> f64 {
            let waits = self.waits * (at_once / self.knee).max(1.0).powf(1.5);
            // Beyond the cores, jobs take turns.
            (self.cpu + waits).max(self.cpu * at_once / CORES)
        }

        fn window(&self, workers: u32, seconds: f64, noise: f64) -> Window {
            let at_once = f64::from(workers);
            let service = self.service(at_once) * (1.0 + noise);
            Window {
                seconds,
                workers,
                least: 1,
                most: 64,
                busy: 1.0,
                queued: 100.0,
                succeeded: at_once / service * seconds,
                failed: 0.0,
                service_us: service * 1e6,
                cpu: (at_once / service * self.cpu / CORES).min(1.0),
                cores: CORES,
                job_cpu: self.cpu / self.service(at_once),
            }
        }

        fn best(&self) -> f64 {
            (1..=64).map(|n| f64::from(n) / self.service(f64::from(n))).fold(0.0, f64::max)
        }
    }

    /// Jobs at once over the ticks of a batch, and its throughput as a share of the best fixed number's.
    fn run(model: &Model, start: u32, seconds: f64) -> (Vec<u32>, f64) {
        let mut law = Batch::default();
        let (mut workers, mut time, mut done, mut seen) = (start, 0.0, 0.0, Vec::new());
        let mut tick = 0_u32;
        while time < seconds {
            let noise = f64::from(tick * 7 % 11) / 100.0 - 0.05;
            tick += 1;
            let length = (time / 20.0).clamp(0.025, 0.25);
            let window = model.window(workers, length, noise);
            (time, done) = (time + length, done + window.succeeded);
            seen.push(workers);
            if let Step::To { workers: to, .. } = law.step(&window) {
                workers = to;
            }
        }
        (seen, done / time / model.best())
    }

    #[test]
    fn jobs_that_wait_are_doubled_up_to_the_knee() {
        let model = Model { cpu: 0.004, waits: 0.05, knee: 20.0 };
        for (start, least) in [(1, 0.84), (2, 0.87), (8, 0.88), (64, 0.88)] {
            let (seen, share) = run(&model, start, 20.0);
            let last = *seen.last().unwrap();
            assert!((16..=28).contains(&last), "from {start}: {last}");
            assert!(share > least, "from {start}: {share}: {seen:?}");
        }
        let (seen, share) = run(&model, 8, 2.0);
        assert!(share > 0.85 && seen.iter().max() >= Some(&16), "{share}: {seen:?}");
    }

    #[test]
    fn jobs_that_keep_a_core_busy_get_the_cores() {
        let model = Model { cpu: 0.2, waits: 0.01, knee: 1000.0 };
        for start in [1, 2, 8, 16] {
            let (seen, share) = run(&model, start, 120.0);
            let last = *seen.last().unwrap();
            assert_eq!(last, 2, "from {start}");
            // They wait for a twentieth of their time.
            assert!(share > 0.94, "from {start}: {share}: {seen:?}");
        }
    }

    #[test]
    fn jobs_that_use_up_the_cpu_and_wait_too_keep_what_they_need() {
        // Six at once are needed.
        let model = Model { cpu: 0.1, waits: 0.2, knee: 1000.0 };
        for start in [2, 8, 16] {
            let (seen, share) = run(&model, start, 120.0);
            let last = *seen.last().unwrap();
            assert!((5..=9).contains(&last), "from {start}: {last}");
            assert!(share > 0.93, "from {start}: {share}: {seen:?}");
        }
    }

    #[test]
    fn without_a_bottleneck_the_bound_is_reached() {
        let (seen, share) = run(&Model { cpu: 0.0, waits: 0.1, knee: 1000.0 }, 4, 30.0);
        assert_eq!(seen.last(), Some(&64));
        assert!(share > 0.9, "{share}");
    }

    #[test]
    fn what_somebody_else_sets_is_where_it_goes_on_from() {
        let model = Model { cpu: 0.0, waits: 0.1, knee: 1000.0 };
        let mut law = Batch::default();
        while law.step(&model.window(8, 0.05, 0.0)) == Step::Stay {}
        // The memory is short: four, whatever was asked for.
        for _ in 0..100 {
            if let Step::To { workers, .. } = law.step(&model.window(4, 0.05, 0.0)) {
                assert!(workers <= 6, "{workers}");
                return;
            }
        }
        panic!("it never tries again");
    }

    #[test]
    fn the_end_of_a_batch_decides_nothing() {
        let model = Model { cpu: 0.0, waits: 0.1, knee: 1000.0 };
        let mut law = Batch::default();
        for _ in 0..100 {
            let last = Window { queued: 0.0, ..model.window(8, 0.1, 0.0) };
            assert_eq!(law.step(&last), Step::Stay);
        }
    }
}
