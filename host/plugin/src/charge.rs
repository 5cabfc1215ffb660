//! What calls of the host cost a guest.
//!
//! wasmtime counts the instructions of a guest, but not those that the host spends for it. Without this a guest that
//! does nothing but call, or hands over a megabyte in each call, would only ever be stopped by the machine's clock:
//! never where time is virtual, and not at the same place twice. So each call burns fuel of a second tank, as large
//! as the first, for itself and for the bytes and numbers that it moves, and the same amount in nanoseconds counts
//! against the deadline of the guest.
//!
//! Most calls can fail and end the guest at once. Those of WASI reach us through an accessor that cannot: they note
//! that the tank is empty and move the epoch, so that the guest is stopped at its next loop or function call.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use wasmtime::{Engine, Trap};

use crate::allowance::TimeIsUp;
use crate::clock::Clock;

/// A call of one of our interfaces, whatever it does: it takes as long as some hundred instructions.
const PER_CALL: u64 = 500;

/// A call of WASI: some allocate, and some wait on whole lists of handles.
const PER_WASI_CALL: u64 = 5_000;

/// A number that the host hands over in a list, or is handed.
const PER_NUMBER: u64 = 8;

/// A byte of text or output that the host copies, checks and may write to the ledger.
const PER_BYTE: u64 = 1;

/// What was used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exhausted {
    Fuel,
    Time,
}

#[derive(Debug, Default)]
struct Tank {
    left: u64,
    exhausted: Option<Exhausted>,
}

/// The fuel of a store for calls of the host. Shared by the store and its output streams; locked only to count.
#[derive(Debug)]
pub(crate) struct HostWork {
    tank: Mutex<Tank>,
    clock: Arc<Clock>,
    engine: OnceLock<Engine>,
}

impl HostWork {
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        Self { tank: Mutex::default(), clock, engine: OnceLock::new() }
    }

    /// Whose epoch is moved to stop a guest.
    pub(crate) fn stops(&self, engine: &Engine) {
        self.engine.get_or_init(|| engine.clone());
    }

    /// Fills the tank for one call of the guest.
    pub(crate) fn refill(&self, fuel: u64) {
        *self.tank.lock() = Tank { left: fuel, exhausted: None };
    }

    /// The fuel that is left.
    pub(crate) fn left(&self) -> u64 {
        self.tank.lock().left
    }

    /// Charges for a call of one of our interfaces that moves so many numbers.
    ///
    /// # Errors
    /// The fuel or the time is used up.
    pub(crate) fn call(&self, numbers: usize) -> wasmtime::Result<()> {
        self.burn(count(numbers).saturating_mul(PER_NUMBER).saturating_add(PER_CALL))
    }

    /// Charges for text or output of so many bytes.
    ///
    /// # Errors
    /// The fuel or the time is used up.
    pub(crate) fn bytes(&self, bytes: usize) -> wasmtime::Result<()> {
        self.burn(count(bytes).saturating_mul(PER_BYTE))
    }

    /// Charges for a call of WASI. It goes through whatever is left; the guest is stopped after it.
    pub(crate) fn wasi_call(&self) {
        // The error is kept in the tank, where `check` finds it.
        drop(self.burn(PER_WASI_CALL));
    }

    /// Whether the guest may go on.
    ///
    /// # Errors
    /// The fuel or the time was used up.
    pub(crate) fn check(&self) -> wasmtime::Result<()> {
        match self.tank.lock().exhausted {
            None => Ok(()),
            Some(Exhausted::Fuel) => Err(Trap::OutOfFuel.into()),
            Some(Exhausted::Time) => Err(TimeIsUp.into()),
        }
    }

    fn burn(&self, units: u64) -> wasmtime::Result<()> {
        {
            let mut tank = self.tank.lock();
            match tank.left.checked_sub(units) {
                Some(left) => tank.left = left,
                None => {
                    tank.left = 0;
                    tank.exhausted.get_or_insert(Exhausted::Fuel);
                }
            }
            if !self.clock.spend(units) {
                tank.exhausted.get_or_insert(Exhausted::Time);
            }
        }
        let checked = self.check();
        if let (Err(_), Some(engine)) = (&checked, self.engine.get()) {
            engine.increment_epoch();
        }
        checked
    }
}

fn count(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn work(fuel: u64, deadline: Duration) -> HostWork {
        let clock = Arc::new(Clock::default());
        clock.enter(Duration::ZERO, deadline);
        let work = HostWork::new(clock);
        work.refill(fuel);
        work
    }

    #[test]
    fn bytes_and_numbers_are_paid_for() {
        let work = work(10_000, Duration::from_secs(1));
        work.call(0).unwrap();
        assert_eq!(work.left(), 9_500);
        work.call(100).unwrap();
        assert_eq!(work.left(), 8_200);
        work.bytes(8_200).unwrap();
        let error = work.bytes(1).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::OutOfFuel));
    }

    #[test]
    fn what_the_host_does_counts_against_the_deadline() {
        let work = work(u64::MAX, Duration::from_micros(10));
        work.bytes(10_000).unwrap();
        assert!(work.bytes(1).unwrap_err().is::<TimeIsUp>());
    }

    #[test]
    fn a_call_that_cannot_fail_is_noted() {
        let work = work(7_000, Duration::from_secs(1));
        work.wasi_call();
        work.check().unwrap();
        work.wasi_call();
        assert!(work.check().is_err());
        work.refill(1);
        work.check().unwrap();
    }
}
