//! A worker of the CPU pool: what it runs next, and when it sleeps or leaves.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use parking_lot::MutexGuard;

use super::{Queued, Shared, State};
use crate::backlog::{Next, Service};
use crate::config::Balance;
use crate::cpu_timer::CpuTimer;
use crate::recorder::{Ended, Pool, Recorder};
use crate::stealing::Local;

/// How long a worker goes on with what it has itself before it asks what comes next.
const TURN: Duration = Duration::from_micros(200);

/// What a worker has done since it asked last.
struct Done {
    service: Service,
    served: Duration,
    tasks: u64,
}

impl Shared {
    /// A worker, from its first task to its last.
    pub(super) fn work(&self, number: u32) {
        let placement = self.plan.pin(number);
        if let Some(problem) = &placement.problem {
            tracing::warn!(
                worker = number,
                problem = problem.as_str(),
                "a CPU worker is not where it was to be"
            );
        }
        if let Some(present) = self.state.lock().placements.get_mut(&number) {
            *present = Some(placement);
        }
        let node = self.plan.node(number);
        let local = (self.balance == Balance::Stealing).then(|| self.others.join(number, node));
        let mut done = None;
        while let Some((service, queued)) = self.next(done.take(), number, node, local.as_ref()) {
            done = Some(self.serve(service, queued, local.as_deref()));
        }
        if let Some(local) = local {
            self.others.leave(number);
            // Empty, but for a pool that stops.
            drop(local.take_all());
        }
    }

    /// Runs a task, and what the worker has itself of the same priority while the turn lasts.
    fn serve(&self, service: Service, queued: Queued, local: Option<&Local>) -> Done {
        let begun = Instant::now();
        if let Some(local) = local {
            local.runs(service.priority());
        }
        run(&self.recorder, queued);
        let (mut served, mut tasks) = (begun.elapsed(), 1);
        if let Some(local) = local {
            while served < TURN
                && local.holds() == Some(service.priority())
                && let Some(queued) = local.pop()
            {
                run(&self.recorder, queued);
                (served, tasks) = (begun.elapsed(), tasks + 1);
            }
        }
        Done { service, served, tasks }
    }

    /// Waits for the next task. None when the worker is to leave.
    fn next(
        &self,
        done: Option<Done>,
        number: u32,
        node: Option<u32>,
        local: Option<&Rc<Local>>,
    ) -> Option<(Service, Queued)> {
        let mut state = self.state.lock();
        if let Some(Done { service, served, tasks }) = done {
            state.backlog.end(&service, served, tasks);
        }
        loop {
            state.tell(local.map(Rc::as_ref));
            if state.stopping {
                return None;
            }
            if state.too_many > 0 {
                state.too_many -= 1;
                state.placements.remove(&number);
                self.hand_over(state, local.map(Rc::as_ref));
                return None;
            }
            let own = local.and_then(|local| local.holds());
            let own_first = own.is_some() && local.is_some_and(|local| local.own_first());
            match state.backlog.next(own, own_first) {
                Some(Next::Task(service, queued)) => return Some((service, queued)),
                Some(Next::Own(service)) => match local.and_then(|local| local.pop()) {
                    Some(queued) => return Some((service, queued)),
                    // Another worker was faster.
                    None => {
                        state.backlog.end(&service, Duration::ZERO, 0);
                        continue;
                    }
                },
                None => {}
            }
            if let Some(local) = local
                && self.others.any()
            {
                let stolen = MutexGuard::unlocked(&mut state, || self.others.steal(number, node, local));
                if let Some(queued) = stolen {
                    return Some((state.backlog.begin_stolen(queued.priority), queued));
                }
                if state.stopping || state.too_many > 0 || state.backlog.queued() > 0 {
                    continue;
                }
            }
            self.sleeping.fetch_add(1, Ordering::SeqCst);
            fence(Ordering::SeqCst);
            if local.is_some() && self.others.any() {
                self.sleeping.fetch_sub(1, Ordering::SeqCst);
                continue;
            }
            self.wake.wait(&mut state);
        }
    }

    /// Queues for all what a worker that leaves has.
    fn hand_over(&self, mut state: MutexGuard<'_, State>, local: Option<&Local>) {
        if let Some(local) = local {
            for queued in local.take_all() {
                state.backlog.push_anyway(queued.priority, queued);
            }
            state.tell(Some(local));
        }
        if state.backlog.queued() > 0 {
            self.wake_all(&state);
        }
    }
}

impl State {
    /// Tells the scheduler whether a worker has something in its own queue.
    fn tell(&mut self, local: Option<&Local>) {
        let Some(local) = local else { return };
        let holds = local.holds();
        let told = local.told.replace(holds);
        if told != holds {
            if let Some(priority) = holds {
                self.backlog.scheduler().holds(priority);
            }
            if let Some(priority) = told {
                self.backlog.scheduler().holds_no_more(priority);
            }
        }
    }
}

fn run(recorder: &Recorder, Queued { mut job, class, submitted, .. }: Queued) {
    let task = recorder.start(Pool::Cpu, class, submitted);
    let timer = if task.timed { CpuTimer::begin() } else { None };
    let outcome = job.run();
    let measured = timer.map(CpuTimer::end);
    // Noted before the result is handed over: who has the result finds the task in the statistics.
    recorder.finish(&task, Ended { measured, outcome });
    // Nobody may be waiting any more; then the result is dropped here, and its `drop` may panic.
    let _ = catch_unwind(AssertUnwindSafe(move || job.deliver()));
}
