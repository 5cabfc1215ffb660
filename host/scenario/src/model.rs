//! Discrete events: arrivals, a queue, workers that take from it, and a server.
//!
//! A worker takes the task that has waited longest and holds it until the server has answered: after a delay, after work on
//! cores that all tasks share, or with a failure. A smaller number of workers lets running tasks end. The number of
//! events of a tick is bounded by the requests of the scenario, which were counted when it was read.

mod arrivals;
mod cores;
mod event;
mod meter;
mod server;
mod task;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use host_contract::number::to_f64;

use crate::random::Stream;
use crate::scenario::{Arrivals, Phase, Scenario};
use crate::window::Window;
use arrivals::Source;
use cores::Cores;
use event::Timed;
use meter::{Meter, Now};
use server::{Answer, Server};
use task::Task;

/// The number that the random numbers of pauses have among those of a seed.
const PAUSES: u64 = 0x7417_c000;

/// A scenario that is played.
#[derive(Debug)]
pub struct Model {
    scenario: Scenario,
    /// Ticks done.
    ticks: u64,
    /// Position of the phase, and its ticks done.
    phase: usize,
    phase_ticks: u64,
    /// Seconds since the start.
    now: f64,
    workers: u32,
    /// Workers that hold a task; more than `workers` after it was lowered.
    busy: u32,
    /// Tasks that the server has taken.
    serving: u32,
    queue: VecDeque<Task>,
    events: BinaryHeap<Reverse<Timed<Event>>>,
    sequence: u64,
    /// Tasks numbered so far.
    numbered: u64,
    source: Source,
    server: Server,
    cores: Option<Cores>,
    clients: Clients,
    meter: Meter,
}

#[derive(Debug, Clone)]
enum Event {
    /// Perhaps an open arrival, of the phase of this position.
    Candidate(usize),
    /// A client asks again.
    Asks(u32),
    /// The delay of a task is over, or it has failed.
    Over(Task),
}

/// The clients of a closed phase.
#[derive(Debug)]
struct Clients {
    random: Stream,
    /// Those of a lower number than this ask; the others leave when they are answered.
    wanted: u32,
    /// Whether the client of each number is there.
    there: Vec<bool>,
    /// Mean pause, seconds.
    pause: f64,
}

impl Model {
    /// The scenario at its start, with the fewest workers.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        let seed = scenario.seed;
        let mut model = Self {
            ticks: 0,
            phase: 0,
            phase_ticks: 0,
            now: 0.0,
            workers: scenario.workers.min,
            busy: 0,
            serving: 0,
            queue: VecDeque::new(),
            events: BinaryHeap::new(),
            sequence: 0,
            numbered: 0,
            source: Source::new(seed, scenario.tick_ms / 1_000.0),
            server: Server::new(seed),
            cores: scenario.cores.map(|cores| Cores::new(f64::from(cores))),
            clients: Clients { random: Stream::new(seed, PAUSES), wanted: 0, there: Vec::new(), pause: 0.0 },
            meter: Meter::default(),
            scenario: scenario.clone(),
        };
        model.begin_phase();
        model
    }

    /// The scenario.
    #[must_use]
    pub fn scenario(&self) -> &Scenario {
        &self.scenario
    }

    /// Virtual time since the start, seconds.
    #[must_use]
    pub fn now(&self) -> f64 {
        self.now
    }

    /// Workers in force.
    #[must_use]
    pub fn workers(&self) -> u32 {
        self.workers
    }

    /// Sets the workers, within the scenario's range, and answers how many there are then. New ones begin at once; those
    /// that are too many end what they run.
    pub fn set_workers(&mut self, workers: u32) -> u32 {
        self.workers = workers.clamp(self.scenario.workers.min, self.scenario.workers.max);
        self.start();
        self.workers
    }

    /// Plays one tick; none after the last one.
    pub fn tick(&mut self) -> Option<Window> {
        let (phase, phase_ticks) = (self.phase, self.phase_ticks);
        self.scenario.phases.get(phase)?;
        if let Some(cores) = &mut self.cores {
            cores.begin_tick(phase_ticks);
        }
        let seconds = self.scenario.tick_ms / 1_000.0;
        // A product, so that errors do not add up.
        let end = to_f64(self.ticks + 1) * seconds;
        self.play(end);
        self.ticks += 1;
        self.phase_ticks += 1;
        let window = self.meter.window(Now {
            tick: self.ticks,
            phase,
            kind: self.scenario.pool,
            workers: self.workers,
            range: self.scenario.workers,
            queued: self.queue.len().try_into().unwrap_or(u64::MAX),
            seconds,
            cores: self.cores.as_mut().map(|cores| cores.window(seconds)),
        });
        if self.scenario.phases.get(phase).is_some_and(|of| self.phase_ticks >= of.ticks) {
            self.phase += 1;
            self.phase_ticks = 0;
            self.begin_phase();
        }
        Some(window)
    }

    fn begin_phase(&mut self) {
        let Some(Phase { arrivals, service, .. }) = self.scenario.phases.get(self.phase).cloned() else {
            return;
        };
        self.server.begin_phase(&service);
        if let Some(cores) = &mut self.cores {
            cores.begin_phase(&service);
        }
        self.source.begin_phase(self.now, &arrivals);
        if let Some(gap) = self.source.gap() {
            self.plan(gap, Event::Candidate(self.phase));
        }
        for client in self.clients.begin_phase(&arrivals) {
            let pause = self.clients.pause();
            self.plan(pause, Event::Asks(client));
        }
    }

    /// Everything up to `end`.
    fn play(&mut self, end: f64) {
        loop {
            let event = self.events.peek().map_or(f64::INFINITY, |Reverse(event)| event.at);
            let work =
                self.cores.as_ref().and_then(Cores::next).map_or(f64::INFINITY, |next| self.now + next);
            if event.min(work) > end {
                break;
            }
            if work < event {
                self.advance(work);
                if let Some(task) = self.cores.as_mut().and_then(Cores::take) {
                    self.end(&task);
                }
            } else if let Some(Reverse(Timed { at, what, .. })) = self.events.pop() {
                self.advance(at);
                self.happen(what);
            }
        }
        self.advance(end);
    }

    fn advance(&mut self, to: f64) {
        let seconds = to - self.now;
        self.meter.advance(seconds, self.busy, self.workers);
        if let Some(cores) = &mut self.cores {
            cores.advance(seconds);
        }
        self.now = to;
    }

    fn plan(&mut self, after: f64, what: Event) {
        self.sequence += 1;
        self.events.push(Reverse(Timed { at: self.now + after, sequence: self.sequence, what }));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Candidate(phase) if phase == self.phase => {
                if self.source.is_one(self.now) {
                    self.submit(None, self.now);
                }
                if let Some(gap) = self.source.gap() {
                    self.plan(gap, Event::Candidate(phase));
                }
            }
            // Of a phase that has ended.
            Event::Candidate(_) => {}
            Event::Asks(client) => {
                if self.clients.goes_on(client) {
                    self.submit(Some(client), self.now);
                }
            }
            Event::Over(task) if task.work > 0.0 => match &mut self.cores {
                Some(cores) => cores.add(task),
                None => self.end(&task),
            },
            Event::Over(task) => self.end(&task),
        }
    }

    /// Puts a request into the queue that was first submitted at the time `first`.
    fn submit(&mut self, client: Option<u32>, first: f64) {
        self.numbered += 1;
        if client.is_none() && !self.source.fits(self.queue.len()) {
            self.meter.lost += 1;
            return;
        }
        let (number, queued) = (self.numbered, self.now);
        let task = Task { number, client, first, queued, started: queued, work: 0.0, admitted: false };
        self.queue.push_back(task);
        self.start();
    }

    /// Lets workers that are free take what waits.
    fn start(&mut self) {
        while self.busy < self.workers
            && let Some(mut task) = self.queue.pop_front()
        {
            self.busy += 1;
            task.started = self.now;
            match self.server.answer(&task, self.now, self.serving) {
                Answer::Takes { delay, work } => {
                    self.serving += 1;
                    (task.admitted, task.work) = (true, work);
                    self.plan(delay, Event::Over(task));
                }
                Answer::Fails { after } => self.plan(after, Event::Over(task)),
            }
        }
    }

    fn end(&mut self, task: &Task) {
        self.busy -= 1;
        self.meter.ended(task, self.now);
        if task.admitted {
            self.serving -= 1;
        }
        if let Some(client) = task.client
            && self.clients.goes_on(client)
        {
            if task.admitted {
                let pause = self.clients.pause();
                self.plan(pause, Event::Asks(client));
            } else {
                self.submit(Some(client), task.first);
            }
        }
        self.start();
    }
}

impl Clients {
    /// The clients that come when a phase begins.
    fn begin_phase(&mut self, arrivals: &Arrivals) -> Vec<u32> {
        (self.wanted, self.pause) = match arrivals {
            Arrivals::Closed(closed) => (closed.clients, closed.think_ms / 1_000.0),
            Arrivals::Open(_) | Arrivals::Bursts(_) | Arrivals::Daily(_) => (0, 0.0),
        };
        let wanted = usize::try_from(self.wanted).unwrap_or(usize::MAX);
        if self.there.len() < wanted {
            self.there.resize(wanted, false);
        }
        let mut new = Vec::new();
        for (number, there) in (0..self.wanted).zip(&mut self.there) {
            if !std::mem::replace(there, true) {
                new.push(number);
            }
        }
        new
    }

    /// Whether the client asks again; it leaves otherwise.
    fn goes_on(&mut self, client: u32) -> bool {
        let goes_on = client < self.wanted;
        if !goes_on && let Some(there) = usize::try_from(client).ok().and_then(|at| self.there.get_mut(at)) {
            *there = false;
        }
        goes_on
    }

    /// A pause, seconds.
    fn pause(&mut self) -> f64 {
        if self.pause > 0.0 { self.pause * self.random.exponential() } else { 0.0 }
    }
}
