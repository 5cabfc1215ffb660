//! Work that a policy defers: done by the thread that comes upon it, with no lock held.
//!
//! A policy that is a component is not called within a lock. What it is to be told waits until a change of the shard, or a full
//! read buffer, finds that the work is due. That thread takes it out, runs the component after it has released everything,
//! and puts the result back. Others go on meanwhile, with the victims that the policy named before.

use super::{Guard, Shard};
use crate::sync::{sleep, yield_now};
use host_policy::{Deferred, Preparation};
use std::time::Duration;

/// How often an order is asked for that others make obsolete before it is used.
const TRIES: u32 = 8;

/// How long to wait for another thread that does the policy's work.
const PAUSE: Duration = Duration::from_micros(50);

impl<K, V> Shard<K, V> {
    /// Does the work, and tells the policy what came of it. The thread holds no lock.
    #[cold]
    pub(super) fn run_deferred(&self, mut work: Deferred) {
        work.run();
        let mut guard = self.lock.order();
        let (order, _) = guard.parts();
        let left = order.policy.put_back(work);
        drop(guard);
        // It may own a component's memory, which takes its time to free.
        drop(left);
    }

    /// The order, with a policy that can hand over its entries in their order. It is not to be had where others always come
    /// before: what is handed over is then complete and in no good order.
    pub(super) fn prepared(&self) -> Guard<'_, K, V> {
        let mut tries = 0;
        loop {
            let mut guard = self.lock.order();
            guard.each_stripe(|order, buffer| buffer.apply(&mut *order.policy));
            let (order, _) = guard.parts();
            match order.policy.prepare_export() {
                Preparation::Ready => return guard,
                Preparation::Work(work) => {
                    drop(guard);
                    self.run_deferred(work);
                    tries += 1;
                    if tries == TRIES {
                        return self.lock.order();
                    }
                }
                Preparation::Away => {
                    drop(guard);
                    yield_now();
                    sleep(PAUSE);
                }
            }
        }
    }
}
