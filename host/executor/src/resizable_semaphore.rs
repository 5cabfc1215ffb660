//! Places in a bounded queue, and the limit on tasks at once: counted permits that can be awaited.
//!
//! Both are tokio semaphores: first come, first served, and without a lock while permits are left.
//! A semaphore cannot give up permits that are taken. So what a shrinking limit still lacks is kept as a
//! debt, which the next tasks that end pay by not giving their permit back.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{Semaphore, TryAcquireError};

use crate::error::TaskError;

/// Permits whose number changes while they are in use.
#[derive(Debug)]
pub(crate) struct Places {
    permits: Semaphore,
    debt: AtomicU32,
}

impl Places {
    pub(crate) fn new(count: u32) -> Self {
        Self { permits: Semaphore::new(count_of(count)), debt: AtomicU32::new(0) }
    }

    /// Takes a permit, which [`release`](Self::release) has to give back.
    pub(crate) async fn take(&self) -> Result<(), TaskError> {
        self.permits.acquire().await.map_err(|_closed| TaskError::Stopped)?.forget();
        Ok(())
    }

    /// Takes a permit if one is free. None while all are taken.
    pub(crate) fn try_take(&self) -> Result<Option<()>, TaskError> {
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
        self.permits.add_permits(count_of(count).saturating_sub(settled));
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

fn count_of(count: u32) -> usize {
    usize::try_from(count).unwrap_or(Semaphore::MAX_PERMITS).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debt_is_paid_by_those_who_hold() {
        let places = Places::new(4);
        for _ in 0..4 {
            assert_eq!(places.try_take(), Ok(Some(())));
        }
        places.shrink(3);
        for _ in 0..3 {
            places.release();
            assert_eq!(places.try_take(), Ok(None));
        }
        places.release();
        assert_eq!(places.try_take(), Ok(Some(())), "one permit is left");
        assert_eq!(places.try_take(), Ok(None));
    }

    #[test]
    fn growing_cancels_a_debt_first() {
        let places = Places::new(2);
        places.try_take().unwrap().unwrap();
        places.try_take().unwrap().unwrap();
        places.shrink(1);
        places.grow(3);
        assert_eq!(places.free(), 2, "1 + 3 permits, of which 2 are held");
        places.release();
        places.release();
        assert_eq!(places.free(), 4);
    }

    #[test]
    fn shrinking_takes_free_ones_at_once() {
        let places = Places::new(5);
        places.shrink(3);
        assert_eq!(places.free(), 2);
        places.close();
        assert_eq!(places.try_take(), Err(TaskError::Stopped));
    }
}
