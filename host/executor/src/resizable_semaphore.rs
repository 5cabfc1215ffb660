//! A semaphore whose number of permits changes while they are in use.
//!
//! It bounds the tasks that wait in a queue, and those that run at once. Below it is a tokio semaphore:
//! first come, first served, and without a lock while permits are left. That one cannot withdraw permits
//! that are held. So what a shrinking limit still lacks is kept as a debt, which the next tasks that end
//! pay by not giving their permit back.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Semaphore, TryAcquireError};

use crate::error::TaskError;

/// Permits whose number changes while they are in use.
#[derive(Debug)]
pub(crate) struct ResizableSemaphore {
    permits: Semaphore,
    debt: AtomicU32,
}

impl ResizableSemaphore {
    pub(crate) fn new(count: u32) -> Self {
        Self { permits: Semaphore::new(permits(count)), debt: AtomicU32::new(0) }
    }

    /// Takes a permit, which [`release`](Self::release) has to give back.
    pub(crate) async fn acquire(&self) -> Result<(), TaskError> {
        self.permits.acquire().await.map_err(|_closed| TaskError::Stopped)?.forget();
        Ok(())
    }

    /// Takes a permit if one is free. None while all are taken.
    pub(crate) fn try_acquire(&self) -> Result<Option<()>, TaskError> {
        match self.permits.try_acquire() {
            Ok(permit) => {
                permit.forget();
                Ok(Some(()))
            }
            Err(TryAcquireError::NoPermits) => Ok(None),
            Err(TryAcquireError::Closed) => Err(TaskError::Stopped),
        }
    }

    /// Gives a permit back, or pays a debt with it.
    pub(crate) fn release(&self) {
        if !self.pay() {
            self.permits.add_permits(1);
        }
    }

    /// Permits nobody holds.
    pub(crate) fn free(&self) -> u32 {
        u32::try_from(self.permits.available_permits()).unwrap_or(u32::MAX)
    }

    /// Adds permits. Calls of `grow` and `shrink` must not overlap; the pool's lock sees to it.
    pub(crate) fn grow(&self, count: u32) {
        let settled = (0..count).take_while(|_| self.pay()).count();
        self.permits.add_permits(permits(count).saturating_sub(settled));
    }

    /// Withdraws permits: free ones now, the rest as they are released.
    pub(crate) fn shrink(&self, count: u32) {
        self.debt.fetch_add(count, Ordering::AcqRel);
        // A permit may be released between taking from the debt and finding none free: then look again.
        while self.permits.available_permits() > 0 && self.pay() {
            if self.permits.forget_permits(1) == 0 {
                self.debt.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Wakes all who wait, with [`TaskError::Stopped`]; nothing is granted from now on.
    pub(crate) fn close(&self) {
        self.permits.close();
    }

    fn pay(&self) -> bool {
        self.debt.fetch_update(Ordering::AcqRel, Ordering::Acquire, |debt| debt.checked_sub(1)).is_ok()
    }
}

fn permits(count: u32) -> usize {
    usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_paid_by_those_who_hold() {
        let semaphore = ResizableSemaphore::new(4);
        for _ in 0..4 {
            assert_eq!(semaphore.try_acquire(), Ok(Some(())));
        }
        semaphore.shrink(3);
        for _ in 0..3 {
            semaphore.release();
            assert_eq!(semaphore.try_acquire(), Ok(None));
        }
        semaphore.release();
        assert_eq!(semaphore.try_acquire(), Ok(Some(())), "one permit is left");
        assert_eq!(semaphore.try_acquire(), Ok(None));
    }

    #[test]
    fn growing_cancels_a_debt_first() {
        let semaphore = ResizableSemaphore::new(2);
        semaphore.try_acquire().unwrap().unwrap();
        semaphore.try_acquire().unwrap().unwrap();
        semaphore.shrink(1);
        semaphore.grow(3);
        assert_eq!(semaphore.free(), 2, "1 + 3 permits, of which 2 are held");
        semaphore.release();
        semaphore.release();
        assert_eq!(semaphore.free(), 4);
    }

    #[test]
    fn shrinking_takes_free_ones_at_once() {
        let semaphore = ResizableSemaphore::new(5);
        semaphore.shrink(3);
        assert_eq!(semaphore.free(), 2);
        semaphore.close();
        assert_eq!(semaphore.try_acquire(), Err(TaskError::Stopped));
    }
}
