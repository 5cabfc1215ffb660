//! One pass over a recording: the control loop of the replay in its ticks.
//!
//! Without a simulated cache it goes as far as the replay turns what the recording turned, and requests are counted only. With one, every
//! request is asked of it from the start, and the pass goes to the end.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;

use host_contract::{RunInfo, Snapshot};

use super::ReplayError;
use super::comparison::Comparison;
use super::recorded::{Recorded, Tick};
use super::report::Served;
use super::shown::{self, Shown};
use super::simulated::Simulated;
use crate::control_plane::{Finished, Machine, Measured};
use crate::ledger::Subscription;
use crate::progress::{Progress, Stop};
use crate::snapshot_builder;
use crate::wiring::Parts;

/// Steps that are read ahead.
const STEPS_AHEAD: usize = 2;

/// The control loop of a replay, and what it has seen.
pub(super) struct Pass<'a> {
    parts: Parts,
    simulated: Option<Simulated<'a>>,
    shown: Shown,
    /// What the simulated cache gave in the tick before.
    before: Arc<Snapshot>,
    pub(super) ticks: u64,
    pub(super) comparison: Comparison,
    /// The last look, where the recording has one.
    last: Option<Tick>,
    /// What was measured of the machine in the tick before.
    measured: Measured,
}

impl<'a> Pass<'a> {
    /// `told` gives the records of `parts`.
    pub(super) fn new(
        parts: Parts,
        simulated: Option<Simulated<'a>>,
        told: Subscription,
        run: RunInfo,
    ) -> Self {
        Self {
            parts,
            simulated,
            shown: Shown::new(run),
            before: Arc::default(),
            ticks: 0,
            comparison: Comparison::new(told),
            last: None,
            measured: Measured::default(),
        }
    }

    /// Goes through the recording, to its end or as far as can be; gives it back where it was read.
    pub(super) fn run(
        &mut self,
        mut recorded: Recorded,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Recorded, ReplayError> {
        // What is read next is on its way while the requests before it are served.
        let (ahead, steps) = sync_channel(STEPS_AHEAD);
        std::thread::scope(|scope| {
            let reading = scope.spawn(move || {
                loop {
                    let step = recorded.step().transpose();
                    let Some(step) = step else { return recorded };
                    let failed = step.is_err();
                    // Nobody takes it where the pass has ended.
                    if ahead.send(step).is_err() || failed {
                        return recorded;
                    }
                }
            });
            for step in steps {
                let step = step?;
                if let Some(simulated) = &mut self.simulated {
                    simulated.requests(&mut self.parts, &step.requests);
                }
                progress.at(step.read);
                if let Some(begin) = step.begin {
                    self.comparison.start(&begin, self.parts.control.control.starting());
                }
                match step.tick.filter(|_| self.can_go_on()) {
                    Some(tick) if tick.asked => self.tick(tick),
                    // Without strategies asked it is the last look, at the end.
                    Some(tick) => self.last = Some(tick),
                    None => {}
                }
                if stop.asked() || !self.can_go_on() {
                    break;
                }
            }
            match reading.join() {
                Ok(recorded) => Ok(recorded),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })
    }

    /// Whether readings are known that are true of the replay.
    pub(super) fn can_go_on(&self) -> bool {
        self.simulated.is_some() || self.comparison.same()
    }

    fn tick(&mut self, tick: Tick) {
        let Tick { snapshot, lines, commands, .. } = tick;
        self.ticks += 1;
        let (at, was) = ((snapshot.tick, snapshot.now), window(&snapshot));
        let shown = self.look(snapshot);
        if self.simulated.is_some() && self.comparison.same() {
            self.comparison.accuracy.add(was, window(&self.before));
        }
        // Who looks next goes on from what was shown.
        self.parts.control.hold(&shown);
        self.comparison.tick(at, &lines, commands);
    }

    /// What strategies are shown in a recorded tick.
    fn look(&mut self, recorded: Snapshot) -> Arc<Snapshot> {
        self.comparison.note(&recorded);
        self.measured = shown::measured(&recorded);
        let Parts { plane, control } = &mut self.parts;
        let Some(simulated) = &self.simulated else {
            let of_settings = control.of_settings(&self.measured.system, &self.measured.gauges);
            return self.shown.recorded(recorded, &of_settings);
        };
        simulated.until(recorded.now);
        control.machine = Machine::Recorded(Box::new(self.measured.clone()));
        control.last = Arc::clone(&self.before);
        let earlier = std::mem::replace(&mut self.before, control.look(recorded.now, plane));
        control.last = Arc::clone(self.shown.before());
        if self.comparison.same() {
            let of_settings = control.of_settings(&self.measured.system, &self.measured.gauges);
            self.shown.recorded(recorded, &of_settings)
        } else {
            self.shown.simulated(&recorded, [&earlier, &self.before])
        }
    }

    /// Looks for the last time, and closes the ledger. What the simulated cache did in all comes with it, and what was compared.
    pub(super) fn settle(mut self) -> Settled {
        self.parts.control.prefetcher.finish();
        let last = self.last.take();
        let recorded = match last {
            Some(Tick { snapshot, .. }) => snapshot,
            // It was cut: the last tick's machine stands for the one at the end.
            None => Snapshot {
                tick: self.shown.before().tick.saturating_add(1),
                now: self.comparison.last,
                system: self.measured.system.clone(),
                gauges: self.measured.gauges.clone(),
                executor: self.measured.pools.clone(),
                ..Snapshot::clone(self.shown.before())
            },
        };
        let shown = self.look(recorded);
        let Self { parts: Parts { plane, control }, simulated, ticks, comparison, .. } = self;
        let (hits, misses) = snapshot_builder::served(&plane.cache.stats());
        let served = simulated.map(|_| Served::new(hits, misses));
        Settled { finished: control.close(ticks, shown, &plane), served, comparison }
    }
}

/// Hits and misses since the tick before.
fn window(of: &Snapshot) -> (u64, u64) {
    (of.cache.window_hits, of.cache.window_misses)
}

/// What a pass came to.
pub(super) struct Settled {
    pub(super) finished: Finished,
    /// What the simulated cache did; none without one.
    pub(super) served: Option<Served>,
    pub(super) comparison: Comparison,
}
