//! Processor sharing: tasks on cores that all of them share evenly.
//!
//! Time is kept as the work that each task has had since the start ("virtual time"): all have the same, so that the next
//! one to end is the one with the least mark, and a change of the number of tasks moves no mark.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use host_contract::number::to_f64;

use super::event::Timed;
use super::task::Task;
use crate::scenario::{Cpu, Neighbour, Service};
use crate::window;

/// The kernel averages its pressure over this time, seconds.
const PRESSURE_OVER: f64 = 10.0;

/// The cores, and the tasks on them.
#[derive(Debug)]
pub(crate) struct Cores {
    cores: f64,
    /// What the neighbour leaves.
    available: f64,
    switch_cost: f64,
    neighbour: Option<Neighbour>,
    /// Work that each task has had, seconds on a free core.
    had: f64,
    tasks: BinaryHeap<Reverse<Timed<Task>>>,
    sequence: u64,
    /// Sums of the window, core seconds and seconds.
    used: f64,
    wanted: f64,
    stalled: f64,
    pressure: f64,
}

impl Cores {
    pub(crate) fn new(cores: f64) -> Self {
        Self {
            cores,
            available: cores,
            switch_cost: 0.0,
            neighbour: None,
            had: 0.0,
            tasks: BinaryHeap::new(),
            sequence: 0,
            used: 0.0,
            wanted: 0.0,
            stalled: 0.0,
            pressure: 0.0,
        }
    }

    /// A phase begins.
    pub(crate) fn begin_phase(&mut self, service: &Service) {
        self.switch_cost = service.cpu.as_ref().map_or(0.0, |cpu: &Cpu| cpu.switch_cost);
        self.neighbour.clone_from(&service.neighbour);
    }

    /// A tick begins, the number `tick` of its phase, from 0.
    pub(crate) fn begin_tick(&mut self, tick: u64) {
        let there = self.neighbour.as_ref().is_some_and(|neighbour| {
            let (off, on) = (u64::from(neighbour.off_ticks), u64::from(neighbour.on_ticks));
            tick % (off + on).max(1) >= off
        });
        let taken = self.neighbour.as_ref().filter(|_| there).map_or(0.0, |neighbour| neighbour.share);
        self.available = self.cores * (1.0 - taken);
    }

    fn running(&self) -> f64 {
        self.tasks.len().try_into().map_or(0.0, to_f64)
    }

    /// Work that a task gets a second.
    fn speed(&self) -> f64 {
        let tasks = self.running();
        if tasks <= self.available {
            return 1.0;
        }
        let crowd = tasks / self.available;
        1.0 / crowd / (1.0 + self.switch_cost * (crowd - 1.0))
    }

    /// A task begins its work.
    pub(crate) fn add(&mut self, task: Task) {
        self.sequence += 1;
        self.tasks.push(Reverse(Timed { at: self.had + task.work, sequence: self.sequence, what: task }));
    }

    /// Seconds until the next task has had its work.
    pub(crate) fn next(&self) -> Option<f64> {
        let Reverse(first) = self.tasks.peek()?;
        Some(((first.at - self.had) / self.speed()).max(0.0))
    }

    /// The task that ends now.
    pub(crate) fn take(&mut self) -> Option<Task> {
        let Reverse(first) = self.tasks.pop()?;
        self.had = self.had.max(first.at);
        Some(first.what)
    }

    pub(crate) fn advance(&mut self, seconds: f64) {
        let tasks = self.running();
        if tasks == 0.0 {
            return;
        }
        self.had += seconds * self.speed();
        self.used += seconds * tasks.min(self.available);
        self.wanted += seconds * tasks;
        if tasks > self.available {
            self.stalled += seconds;
        }
    }

    /// The figures of a window of so many seconds; the next one begins.
    pub(crate) fn window(&mut self, seconds: f64) -> window::Cores {
        let kept = (-seconds / PRESSURE_OVER).exp();
        self.pressure = self.pressure * kept + self.stalled / seconds * (1.0 - kept);
        let figures = window::Cores {
            cores: self.cores,
            used: self.used / seconds,
            others: 1.0 - self.available / self.cores,
            waited: if self.wanted > 0.0 { 1.0 - self.used / self.wanted } else { 0.0 },
            pressure: self.pressure,
        };
        (self.used, self.wanted, self.stalled) = (0.0, 0.0, 0.0);
        figures
    }
}
