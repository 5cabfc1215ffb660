//! Items on their way to a tier: what memory demoted, what a tier evicted, what is promoted.
//!
//! The queue owns what is in it, and has a limit in bytes. Where it is full the oldest goes: it was evicted the longest ago, and is
//! the least likely to be asked for. Nobody waits to put something in. Of a key there is one item at most, the newest. A lookup finds
//! it here, and takes it out again. What the worker has taken out stays visible until it is in its tier.

use std::collections::{HashMap, VecDeque};

use ahash::RandomState;
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::Item;

/// What an item takes in the queue beside its bytes.
const OVERHEAD: u64 = 200;

/// An item, the tier it goes to, and when it was at its place before.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) item: Item,
    pub(super) target: usize,
    pub(super) stamp: u64,
}

impl Job {
    fn bytes(&self) -> u64 {
        self.item.bytes() + OVERHEAD
    }
}

#[derive(Debug)]
struct Jobs {
    /// By key, with a number that tells it from earlier ones of the key.
    by_key: HashMap<Bytes, (u64, Job), RandomState>,
    /// Keys and numbers, oldest first. Those that are gone stay until their turn.
    order: VecDeque<(Bytes, u64)>,
    next: u64,
    bytes: u64,
    at_work: Option<AtWork>,
}

/// What the worker is at.
#[derive(Debug)]
struct AtWork {
    item: Item,
    /// A lookup has asked for it meanwhile.
    taken: bool,
    /// Its key was changed meanwhile.
    discarded: bool,
}

#[derive(Debug)]
pub(super) struct Queue {
    jobs: Mutex<Jobs>,
    limit: u64,
    more: Notify,
    done: Notify,
}

impl Queue {
    pub(super) fn new(limit: u64) -> Self {
        Self { jobs: Mutex::new(Jobs::new()), limit, more: Notify::new(), done: Notify::new() }
    }

    /// Takes a job if it is current, and drops as many of the oldest as that needs. Returns how many were dropped, the job itself
    /// perhaps among them; none where it is not current.
    ///
    /// That is asked where no [`discard`](Self::discard) comes in between: one that comes later finds the job, and of one that came
    /// before, the change is known.
    pub(super) fn push(&self, job: Job, is_current: impl FnOnce() -> bool) -> Option<u64> {
        let bytes = job.bytes();
        if bytes > self.limit {
            return Some(1);
        }
        let mut jobs = self.jobs.lock();
        if !is_current() {
            return None;
        }
        if jobs.by_key.get(&job.item.key).is_some_and(|(_, present)| present.stamp > job.stamp) {
            return Some(0);
        }
        jobs.remove(&job.item.key.clone());
        let mut dropped = 0;
        while jobs.bytes + bytes > self.limit {
            let Some((key, number)) = jobs.order.pop_front() else { break };
            dropped += u64::from(jobs.remove_numbered(&key, number).is_some());
        }
        let number = jobs.next;
        jobs.next += 1;
        jobs.bytes += bytes;
        jobs.order.push_back((job.item.key.clone(), number));
        jobs.by_key.insert(job.item.key.clone(), (number, job));
        jobs.tidy();
        drop(jobs);
        self.more.notify_one();
        Some(dropped)
    }

    /// Waits until a job may have come in since it was waited for last.
    pub(super) async fn filled(&self) {
        self.more.notified().await;
    }

    /// The oldest job, which the caller is at then.
    pub(super) fn begin(&self) -> Option<Job> {
        let mut jobs = self.jobs.lock();
        while let Some((key, number)) = jobs.order.pop_front() {
            if let Some(job) = jobs.remove_numbered(&key, number) {
                jobs.at_work = Some(AtWork { item: job.item.clone(), taken: false, discarded: false });
                return Some(job);
            }
        }
        None
    }

    /// The caller is done with its job. True where a lookup has asked for the item meanwhile.
    pub(super) fn finish(&self) -> bool {
        let taken = self.jobs.lock().at_work.take().is_some_and(|at_work| at_work.taken);
        self.done.notify_waiters();
        taken
    }

    /// Whether the key of what the worker is at was changed since it has begun.
    pub(super) fn is_discarded(&self) -> bool {
        self.jobs.lock().at_work.as_ref().is_none_or(|at_work| at_work.discarded)
    }

    /// The item of a key, which goes from here with that.
    pub(super) fn take(&self, key: &[u8]) -> Option<Item> {
        let mut jobs = self.jobs.lock();
        if let Some(job) = jobs.remove(key) {
            return Some(job.item);
        }
        let at_work =
            jobs.at_work.as_mut().filter(|at_work| at_work.item.key == key && !at_work.discarded)?;
        at_work.taken = true;
        Some(at_work.item.clone())
    }

    /// Forgets a key. What the worker is at it does not find any more, either.
    pub(super) fn discard(&self, key: &[u8]) {
        let mut jobs = self.jobs.lock();
        jobs.remove(key);
        if let Some(at_work) = jobs.at_work.as_mut().filter(|at_work| at_work.item.key == key) {
            (at_work.discarded, at_work.taken) = (true, false);
        }
    }

    pub(super) fn clear(&self) {
        let mut jobs = self.jobs.lock();
        if let Some(at_work) = &mut jobs.at_work {
            (at_work.discarded, at_work.taken) = (true, false);
        }
        jobs.by_key.clear();
        jobs.order.clear();
        jobs.bytes = 0;
    }

    /// Waits until there is nothing in it, and the worker at nothing.
    pub(super) async fn drained(&self) {
        loop {
            let done = self.done.notified();
            tokio::pin!(done);
            // From here on, no notice is missed.
            done.as_mut().enable();
            {
                let jobs = self.jobs.lock();
                if jobs.by_key.is_empty() && jobs.at_work.is_none() {
                    return;
                }
            }
            done.await;
        }
    }

    /// Items and bytes in it.
    pub(super) fn size(&self) -> (u64, u64) {
        let jobs = self.jobs.lock();
        (crate::item::size(jobs.by_key.len()), jobs.bytes)
    }
}

impl Jobs {
    fn new() -> Self {
        let by_key = HashMap::with_hasher(RandomState::new());
        Self { by_key, order: VecDeque::new(), next: 0, bytes: 0, at_work: None }
    }

    fn remove(&mut self, key: &[u8]) -> Option<Job> {
        let (_, job) = self.by_key.remove(key)?;
        self.bytes = self.bytes.saturating_sub(job.bytes());
        Some(job)
    }

    fn remove_numbered(&mut self, key: &[u8], number: u64) -> Option<Job> {
        self.by_key.get(key).filter(|(present, _)| *present == number)?;
        self.remove(key)
    }

    /// Keeps the order from growing by keys that were taken out again and again.
    fn tidy(&mut self) {
        if self.order.len() > 2 * self.by_key.len() + 64 {
            let by_key = &self.by_key;
            self.order.retain(|(key, number)| by_key.get(key).is_some_and(|(present, _)| present == number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(key: &'static str, bytes: usize, stamp: u64) -> Job {
        Job { item: Item::new(key, vec![0; bytes]), target: 0, stamp }
    }

    #[test]
    fn the_oldest_goes_when_it_is_full_and_what_is_too_large_never_comes_in() {
        let queue = Queue::new(1_000);
        let push = |key, bytes, stamp| queue.push(job(key, bytes, stamp), || true);
        assert_eq!((push("a", 200, 1), push("b", 200, 2)), (Some(0), Some(0)));
        assert_eq!(push("c", 300, 3), Some(1));
        assert_eq!(push("d", 900, 4), Some(1));
        assert_eq!(queue.push(job("e", 1, 5), || false), None);
        assert_eq!(queue.take(b"e"), None);
        assert_eq!(queue.take(b"a"), None);
        assert!(queue.take(b"b").is_some() && queue.take(b"c").is_some());
        assert_eq!(queue.size(), (0, 0));
    }

    #[test]
    fn the_newest_of_a_key_counts_and_the_rest_keeps_its_order() {
        let queue = Queue::new(10_000);
        for (key, stamp) in [("a", 5), ("b", 6), ("a", 4), ("b", 7), ("c", 8)] {
            queue.push(job(key, usize::try_from(stamp).unwrap(), stamp), || true);
        }
        let order: Vec<u64> = std::iter::from_fn(|| {
            let job = queue.begin()?;
            queue.finish();
            Some(job.stamp)
        })
        .collect();
        assert_eq!(order, [5, 7, 8]);
    }

    #[test]
    fn what_the_worker_is_at_is_found_until_it_is_discarded() {
        let queue = Queue::new(10_000);
        queue.push(job("a", 1, 1), || true);
        queue.begin().unwrap();
        assert!(queue.take(b"a").is_some());
        assert!(queue.finish(), "a lookup has it");
        queue.push(job("a", 1, 1), || true);
        queue.begin().unwrap();
        queue.discard(b"a");
        assert_eq!(queue.take(b"a"), None);
        assert!(!queue.finish());
    }

    #[test]
    fn keys_that_come_and_go_do_not_fill_the_order() {
        let queue = Queue::new(10_000);
        for stamp in 0..10_000 {
            queue.push(job("a", 1, stamp), || true);
            queue.take(b"a");
        }
        assert!(queue.jobs.lock().order.len() < 100);
    }
}
