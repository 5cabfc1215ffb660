//! Prefetches memory that will be needed soon.
//!
//! A processor waits for a load; with some hundred instructions under way behind one it can begin no more. It does not
//! wait for a prefetch, so that the memory works while earlier data is used.

/// Begins to load the first cache line of an element, if there is one.
#[inline]
pub(crate) fn fetch_at<T>(elements: &[T], index: usize) {
    if let Some(element) = elements.get(index) {
        fetch_line(std::ptr::from_ref(element).cast());
    }
}

/// Begins to load the cache line at the address, without waiting for it. The address need not be valid.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[expect(unsafe_code, reason = "intrinsics are unsafe to call; a plain load would have to be waited for")]
fn fetch_line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing and does not fault, whatever the address; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

/// Nothing: this target has no stable way to prefetch.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
const fn fetch_line(_: *const u8) {}
