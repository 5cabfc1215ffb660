//! What keeps commands on several keys whole.
//!
//! A command on one key is one step of the cache. One on several keys, and a transaction, must not be seen half done. So
//! whoever answers requests holds the gate to pass, and such a command closes it. Passing takes one of a few locks, by the
//! thread, so that threads which pass do not meet; closing takes all. Nobody waits for anything else while holding it.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

const LOCKS: usize = 8;

// Two cache lines, since processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Part(RwLock<()>);

/// The gate of one server.
#[derive(Debug, Default)]
pub(crate) struct Gate([Part; LOCKS]);

thread_local! {
    static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// The lock of this thread.
fn mine() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed) % LOCKS);
        }
        mine.get()
    })
}

impl Gate {
    /// While this is held, no command on several keys runs.
    pub(crate) fn pass(&self) -> Option<RwLockReadGuard<'_, ()>> {
        self.0.get(mine()).map(|part| part.0.read())
    }

    /// While this is held, nobody else passes. Not to be called while passing.
    pub(crate) fn close(&self) -> Vec<RwLockWriteGuard<'_, ()>> {
        self.0.iter().map(|part| part.0.write()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_gate_lets_nobody_pass() {
        let gate = Gate::default();
        let (mut both, mut torn) = ((0_u64, 0_u64), 0);
        let cell = std::sync::Mutex::new(&mut both);
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        let _closed = gate.close();
                        cell.lock().unwrap().0 += 1;
                        std::thread::yield_now();
                        cell.lock().unwrap().1 += 1;
                    }
                });
            }
            for _ in 0..2_000 {
                let _passing = gate.pass();
                let seen = **cell.lock().unwrap();
                torn += u64::from(seen.0 != seen.1);
            }
        });
        assert_eq!((both, torn), ((2_000, 2_000), 0));
    }
}
