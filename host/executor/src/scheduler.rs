//! Which priority is served next, by the shares that each is sure of. Pure: it knows neither tasks nor a clock.
//!
//! It is stride scheduling (C. A. Waldspurger and W. E. Weihl, "Stride Scheduling: Deterministic Proportional-Share
//! Resource Management", MIT/LCS/TM-528, 1995) by time of service rather than by turns. A priority's credit is how far its
//! pass there is behind the global pass, times its tickets: time of workers that it is owed. Whatever time workers spend,
//! each priority that has work is credited with its share of it, and the one that was served pays for all of it. Served next is
//! who has waited longest for its credit, that is, who has the smallest pass.
//!
//! Three things are added, so that a share is a guarantee and no more:
//!
//! - Where no priority with work is owed anything, the time is spare, and the highest priority gets it. It does not pay for
//!   it, or it would have less than its share later.
//! - So it is where one priority alone has work.
//! - A priority without work keeps no credit, as in the paper, and all begin anew when the pool has nothing to do.
//!
//! How long a turn takes is known when it ends. Until then its priority has paid the mean of its latest turns, so that several
//! workers that choose at the same time do not all choose the same one.

use std::time::Duration;

use crate::priority::{ByPriority, Priority};

/// Credit is kept in hundredths of nanoseconds, because shares are in percent.
const WHOLE: i128 = 100;
/// The weight of a turn in the mean is one in so many.
const MEAN_OVER: i128 = 8;

/// Shares out the workers' time among priorities.
#[derive(Debug)]
pub(crate) struct Scheduler {
    classes: ByPriority<Class>,
    /// Turns that have begun and not ended.
    open: u64,
}

/// One priority.
#[derive(Debug, Default)]
struct Class {
    /// Percent.
    share: i128,
    /// What it is owed; below zero, what it has had too much.
    credit: i128,
    /// Tasks in the pool's queue.
    queued: u64,
    /// Workers that have tasks in a queue of their own.
    held: u64,
    mean_ns: i128,
    /// Time of workers since the start.
    served: Duration,
}

/// A worker's time for a priority, from [`Scheduler::next`] to [`Scheduler::end`].
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) priority: Priority,
    /// What is paid already.
    paid_ns: i128,
    /// None of the time is paid for.
    spare: bool,
}

impl Class {
    fn has_work(&self) -> bool {
        self.queued > 0 || self.held > 0
    }

    fn forget_credit(&mut self) {
        if !self.has_work() {
            self.credit = self.credit.min(0);
        }
    }
}

impl Scheduler {
    /// Shares in percent, checked before.
    pub(crate) fn new(shares: &ByPriority<u32>) -> Self {
        let class = |priority| Class { share: i128::from(shares[priority]), ..Class::default() };
        Self { classes: ByPriority::new(class), open: 0 }
    }

    /// A task came into the queue.
    pub(crate) fn arrived(&mut self, priority: Priority) {
        let class = &mut self.classes[priority];
        class.forget_credit();
        class.queued += 1;
    }

    /// A task left the queue unserved.
    pub(crate) fn left(&mut self, priority: Priority) {
        let class = &mut self.classes[priority];
        class.queued = class.queued.saturating_sub(1);
    }

    /// A worker has tasks in a queue of its own now.
    pub(crate) fn holds(&mut self, priority: Priority) {
        let class = &mut self.classes[priority];
        class.forget_credit();
        class.held += 1;
    }

    /// A worker has none left in its own queue.
    pub(crate) fn holds_no_more(&mut self, priority: Priority) {
        let class = &mut self.classes[priority];
        class.held = class.held.saturating_sub(1);
    }

    /// Tasks in the queue.
    pub(crate) fn queued(&self) -> u64 {
        self.classes.iter().map(|(_, class)| class.queued).sum()
    }

    /// Time of workers that a priority had since the start, in turns that have ended.
    pub(crate) fn served(&self, priority: Priority) -> Duration {
        self.classes[priority].served
    }

    /// The priority to serve next, and whether a task of it is to be taken from the queue; else it is `own`, the priority of
    /// what the asking worker holds itself. None where nothing is queued or held by it.
    pub(crate) fn next(&mut self, own: Option<Priority>, own_first: bool) -> Option<(Turn, bool)> {
        let candidate = |(priority, class): &(Priority, &Class)| class.queued > 0 || own == Some(*priority);
        let first = self.classes.iter().find(candidate).map(|(priority, _)| priority)?;
        let alone = self.classes.iter().filter(|(_, class)| class.has_work()).count() <= 1;
        let mut owed: Option<(Priority, &Class)> = None;
        for (priority, class) in self.classes.iter().filter(candidate).filter(|(_, class)| class.credit >= 0)
        {
            // Of equals the higher priority, which comes first.
            if owed.is_none_or(|(_, most)| class.credit * most.share > most.credit * class.share) {
                owed = Some((priority, class));
            }
        }
        let (priority, spare) = match owed {
            Some((priority, _)) if !alone => (priority, false),
            Some(_) | None => (first, true),
        };
        let class = &mut self.classes[priority];
        let from_queue = class.queued > 0 && !(own == Some(priority) && own_first);
        if from_queue {
            class.queued -= 1;
        }
        let paid_ns = class.mean_ns;
        self.open += 1;
        self.pay(priority, spare, paid_ns);
        Some((Turn { priority, paid_ns, spare }, from_queue))
    }

    /// A turn for what a worker took from another one, because nothing was queued.
    pub(crate) fn stolen(&mut self, priority: Priority) -> Turn {
        self.open += 1;
        Turn { priority, paid_ns: 0, spare: true }
    }

    /// A turn is over, after so much time of a worker.
    pub(crate) fn end(&mut self, turn: &Turn, served: Duration) {
        let served_ns = i128::try_from(served.as_nanos()).unwrap_or(i128::from(u64::MAX));
        let class = &mut self.classes[turn.priority];
        class.mean_ns += (served_ns - class.mean_ns) / MEAN_OVER;
        class.served = class.served.saturating_add(served);
        self.pay(turn.priority, turn.spare, served_ns - turn.paid_ns);
        self.open = self.open.saturating_sub(1);
        if self.open == 0 && !self.classes.iter().any(|(_, class)| class.has_work()) {
            for priority in Priority::ALL {
                self.classes[priority].credit = 0;
            }
        }
    }

    /// So much time goes to one priority; where less was needed than it has paid, it is below zero.
    fn pay(&mut self, served: Priority, spare: bool, time_ns: i128) {
        for priority in Priority::ALL {
            let class = &mut self.classes[priority];
            if priority != served {
                class.credit += class.share * time_ns;
                class.forget_credit();
            } else if !spare {
                class.credit += (class.share - WHOLE) * time_ns;
            } else if class.credit > 0 && time_ns > 0 {
                // What it was owed, it has now.
                class.credit = (class.credit - WHOLE * time_ns).max(0);
            }
        }
    }
}

#[cfg(test)]
mod tests;
