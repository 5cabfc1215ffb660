//! Prefetches memory that will be needed soon.
//!
//! A processor waits for a load; with some hundred instructions under way behind one it can begin no more. It does not
//! wait for a prefetch, so that the memory works while earlier data is used.

/// Begins to load the first cache line of what lies at the reference.
#[inline]
pub(crate) fn prefetch<T>(target: &T) {
    prefetch_line(std::ptr::from_ref(target).cast());
}

/// Begins to load the cache line at the address, without waiting for it. Nothing needs to be there.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[expect(unsafe_code, reason = "intrinsics are unsafe to call; a plain load would have to be waited for")]
pub(crate) fn prefetch_line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing and does not fault, whatever the address; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

/// Nothing: this target has no stable way to prefetch.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
pub(crate) const fn prefetch_line(_: *const u8) {}
