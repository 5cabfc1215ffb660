//! Prefetches memory for requests that come soon.
//!
//! A processor waits for a load; with some hundred instructions under way behind one it can begin no more. It does not
//! wait for a prefetch, so that the memory works while earlier data is used. Requests are therefore taken in batches,
//! and a batch goes through the same step together.

/// Begins to load the first cache line of an element, if there is one.
#[inline]
pub(crate) fn prefetch_at<T>(elements: &[T], index: usize) {
    if let Some(element) = elements.get(index) {
        prefetch_line(std::ptr::from_ref(element).cast());
    }
}

/// Begins to load the cache line at the address, without waiting for it. Nothing needs to be there.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[expect(unsafe_code, reason = "intrinsics are unsafe to call; a plain load would have to be waited for")]
fn prefetch_line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing and does not fault, whatever the address; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

/// Nothing: this target has no stable way to prefetch.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
const fn prefetch_line(_: *const u8) {}

/// Requests of a batch. Enough for the memory to be busy; few enough that what was prefetched is still in the
/// first-level cache.
pub(crate) const BATCH: usize = 32;

/// The batch that is `behind` batches before the one with this number; empty outside of the requests. So a loop over the
/// numbers takes each batch through all of its steps.
#[inline]
pub(crate) fn batch<T>(requests: &[T], number: usize, behind: usize) -> &[T] {
    let rest = number.checked_sub(behind).and_then(|number| requests.get(number.checked_mul(BATCH)?..));
    let rest = rest.unwrap_or_default();
    rest.get(..BATCH).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::{BATCH, batch};

    #[test]
    fn each_batch_takes_each_step_in_order() {
        for length in [0, 1, BATCH - 1, BATCH, 3 * BATCH + 5] {
            let requests: Vec<usize> = (0..length).collect();
            for behind in 0..3 {
                let numbers = 0..length.div_ceil(BATCH) + behind;
                let seen: Vec<usize> =
                    numbers.flat_map(|number| batch(&requests, number, behind)).copied().collect();
                assert_eq!(seen, requests);
            }
            assert!(batch(&requests, usize::MAX, 0).is_empty());
        }
    }
}
