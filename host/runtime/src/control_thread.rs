//! The ticks in wall time: a thread of its own, beside the requests.
//!
//! It wakes often to feed the shadows, and ticks when the interval has passed, when enough requests have, or when it is
//! told to. However fast the requests come, a tick that they cause is held only when [`REST`] times the last one's
//! duration has passed, and [`LEAST_REST`], so that requests alone do not drive up what tuning costs.
//!
//! The first [`EARLY_TICKS`] ticks come sooner, after [`EARLY_REQUESTS`] requests: a run that starts from poor settings pays for
//! them until something is measured, and a short one pays all along.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::Thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use cpu_time::ThreadTime;
use host_contract::Snapshot;
use tokio::sync::oneshot;

use crate::command::Command;
use crate::control_plane::{ControlPlane, Finished};
use crate::error::HostError;
use crate::live::Live;
use crate::tuning::{Tuner, Tuning};

/// How often the shadows are fed.
const FEED: Duration = Duration::from_millis(10);

/// A tick of a millisecond is followed by at least this many milliseconds without one.
const REST: u32 = 30;

/// The least time between two ticks that requests cause: in less, strategies would learn nothing more.
const LEAST_REST: Duration = Duration::from_millis(30);

/// The first ticks, how many requests they are apart, and how long at least. The judge is told of them: they see a cold cache.
pub(crate) const EARLY_TICKS: u64 = 12;
pub(crate) const EARLY_REQUESTS: u64 = 64;
const EARLY_REST: Duration = Duration::from_millis(8);

/// Of a batch the ticks begin close together, since a short one is over before a long interval is. Later, one comes after this
/// part of the time so far: a batch that takes long gains little by what is found soon.
const BATCH_SHARE: u32 = 20;
const LEAST_OF_BATCH: Duration = Duration::from_millis(25);

type Reply = oneshot::Sender<Result<(), HostError>>;

/// Everything the thread needs.
pub(crate) struct ControlThread {
    pub(crate) control: ControlPlane,
    pub(crate) live: Arc<Live>,
    pub(crate) interval: Duration,
    /// Where the last snapshot is put for others.
    pub(crate) latest: Arc<ArcSwap<Snapshot>>,
    /// The same of what tuning does and costs.
    pub(crate) tuning: Arc<ArcSwap<Tuning>>,
    /// Strategies that could not be started.
    pub(crate) not_started: Vec<Tuner>,
}

/// Hands commands to the thread.
#[derive(Debug, Clone)]
pub(crate) struct Commander {
    commands: mpsc::Sender<(Command, Reply)>,
    thread: Thread,
}

impl Commander {
    /// Hands over a command. The answer comes when it was carried out, between two ticks.
    ///
    /// # Errors
    /// The thread has ended.
    pub(crate) fn send(
        &self,
        command: Command,
    ) -> Result<oneshot::Receiver<Result<(), HostError>>, HostError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send((command, reply)).map_err(|_| HostError::ControlThreadDied)?;
        self.thread.unpark();
        Ok(answer)
    }
}

/// The running thread.
pub(crate) struct Handle {
    stop: Arc<AtomicBool>,
    commander: Commander,
    /// None once somebody waits for it.
    finished: Option<oneshot::Receiver<Finished>>,
}

impl Handle {
    /// What hands commands to it.
    pub(crate) fn commander(&self) -> &Commander {
        &self.commander
    }

    /// Ends the loop after one last look. None where it was ended before.
    pub(crate) fn stop(mut self) -> Option<oneshot::Receiver<Finished>> {
        self.finished.take()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.commander.thread.unpark();
    }
}

impl ControlThread {
    /// Holds the first tick, and starts the thread for the others.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(mut self) -> std::io::Result<Handle> {
        // What is decided before the first request costs nothing.
        self.latest.store(self.control.tick(Duration::ZERO, &self.live.plane));
        self.publish(Duration::ZERO);
        let stop = Arc::new(AtomicBool::new(false));
        let (commands, received) = mpsc::channel();
        let (report, finished) = oneshot::channel();
        let (live, asked) = (Arc::clone(&self.live), Arc::clone(&stop));
        let builder = std::thread::Builder::new().name("control".to_owned());
        let thread = builder.spawn(move || {
            let ended = Ticking::new(self, received).run(&asked);
            // Nobody waits where the host was dropped.
            drop(report.send(ended));
        })?;
        let thread = thread.thread().clone();
        live.plane.trigger.wake(thread.clone());
        Ok(Handle { stop, commander: Commander { commands, thread }, finished: Some(finished) })
    }

    /// Puts what tuning does and costs where others read it; `cpu` is the thread's time.
    fn publish(&self, cpu: Duration) {
        let strategies = self.not_started.iter().cloned().chain(self.control.tuners()).collect();
        self.tuning.store(Arc::new(Tuning { strategies, cpu }));
    }
}

struct Ticking {
    with: ControlThread,
    commands: mpsc::Receiver<(Command, Reply)>,
    started: Instant,
    cpu: ThreadTime,
}

impl Ticking {
    fn new(with: ControlThread, commands: mpsc::Receiver<(Command, Reply)>) -> Self {
        let (started, cpu) = (Instant::now(), ThreadTime::now());
        if let Some(recording) = &with.live.plane.recording {
            recording.begin(started);
        }
        Self { with, commands, started, cpu }
    }

    fn run(mut self, stop: &AtomicBool) -> Finished {
        let mut last_tick = Instant::now();
        let mut rest = Duration::ZERO;
        let mut seen = 0;
        let every = self.with.live.plane.trigger.every();
        let mut after = EARLY_REQUESTS.min(every);
        let mut early = EARLY_TICKS;
        self.with.live.plane.trigger.wake_at(after);
        while !stop.load(Ordering::Acquire) {
            self.with.control.feed(&self.with.live.plane);
            // Ticks and commands may shrink the cache.
            self.with.live.plane.before_evicting();
            self.obey();
            let since = last_tick.elapsed();
            let count = self.with.live.plane.metrics.count();
            let enough = every > 0 && count.saturating_sub(seen) >= after;
            // What was just turned is looked at as often as what stood before, however few requests it serves.
            let wanted = self.with.control.control.pace().is_some_and(|pace| since >= pace.max(rest));
            if since >= self.interval() || wanted || (enough && since >= rest) {
                last_tick = Instant::now();
                seen = count;
                self.tick();
                early = early.saturating_sub(1);
                if early > 0 {
                    rest = EARLY_REST;
                } else {
                    rest = (last_tick.elapsed() * REST).max(LEAST_REST).min(self.with.interval);
                    after = every;
                }
                self.with.live.plane.trigger.wake_at(count.saturating_add(after));
                continue;
            }
            std::thread::park_timeout(FEED);
        }
        let mut ended = self.with.control.finish(self.started.elapsed(), &self.with.live.plane);
        ended.cost.cpu_seconds = self.cpu.elapsed().as_secs_f64();
        ended
    }

    /// Time from tick to tick.
    fn interval(&self) -> Duration {
        if !self.with.control.is_batch() {
            return self.with.interval;
        }
        (self.started.elapsed() / BATCH_SHARE).max(LEAST_OF_BATCH).min(self.with.interval)
    }

    fn tick(&mut self) {
        let snapshot = self.with.control.tick(self.started.elapsed(), &self.with.live.plane);
        self.with.latest.store(snapshot);
        self.with.publish(self.cpu.elapsed());
    }

    fn obey(&mut self) {
        while let Ok((command, reply)) = self.commands.try_recv() {
            let now = self.started.elapsed();
            let done = match command {
                Command::Tick { reason } => {
                    self.with.control.commanded(now, "tick", reason);
                    self.tick();
                    Ok(())
                }
                Command::Set { dial, value, by } => {
                    let set = self.with.control.set(dial, &value).map_err(HostError::NotPutInForce);
                    set.map(|()| {
                        self.with.control.commanded(now, "set", format!("{dial} = {value}: {by}"));
                    })
                }
                Command::Reload(settings) => {
                    self.with.interval = settings.control.tick;
                    self.with.control.commanded(now, "reload", settings.profile.clone());
                    self.with.control.reload(&settings).map_err(HostError::Reload)
                }
                Command::Replace { with, from } => {
                    let detail = format!("{}: {from}", with.identity().name);
                    self.with.control.commanded(now, "replace", detail);
                    self.with.control.replace(*with);
                    Ok(())
                }
                Command::ReplacePolicy { with, from } => {
                    let done = self.with.control.replace_policy(&with).map_err(HostError::NotPutInForce);
                    done.map(|stands| {
                        let detail = format!("{with}: {from}, {stands}");
                        self.with.control.commanded(now, "replace", detail);
                    })
                }
                Command::RemovePolicy { policy, bundled, reason } => {
                    let follows = self.with.control.remove_policy(&policy, bundled);
                    let follows =
                        follows.map_or_else(String::new, |heir| format!("; the cache follows {heir}"));
                    self.with.control.commanded(now, "retire", format!("{policy}: {reason}{follows}"));
                    Ok(())
                }
                Command::BoundIo { most, reason } => {
                    let now_at = self.with.control.bound_io(most);
                    self.with.control.commanded(now, "bound", format!("io-workers {now_at}: {reason}"));
                    Ok(())
                }
                Command::Keep { reason } => {
                    self.with.control.commanded(now, "keep", reason);
                    Ok(())
                }
                Command::Reset { strategy, forget } => {
                    let detail = if forget.is_some() { ", and what it has learnt" } else { "" };
                    self.with.control.commanded(now, "reset", format!("{strategy}{detail}"));
                    self.with.control.reset(&strategy, forget.as_deref())
                }
                Command::Retire { strategy, reason } => {
                    self.with.control.commanded(now, "retire", format!("{strategy}: {reason}"));
                    self.with.control.retire(&strategy, &reason).map_err(HostError::from)
                }
            };
            // Whoever asked sees what came of it.
            self.with.publish(self.cpu.elapsed());
            // Whoever asked may have gone.
            drop(reply.send(done));
        }
    }
}
