//! Asks for memory that will be needed soon.
//!
//! A load is waited for: a processor that has some hundred instructions under way behind one can begin no more. What
//! this asks for is not, so that the memory works while what was asked for earlier is used.

/// Begins to load the cache line at the address, without waiting for it. There need not be anything.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline]
#[expect(unsafe_code, reason = "intrinsics are unsafe to call; a plain load would have to be waited for")]
pub fn fetch_line(address: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    // SAFETY: a prefetch reads nothing and does not fault, whatever the address; SSE is part of x86-64.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(address.cast()) }
}

/// Nothing: no stable way to ask is known for this target.
#[cfg(not(all(target_arch = "x86_64", not(miri))))]
#[inline]
pub const fn fetch_line(_: *const u8) {}

/// Begins to load the first line of what lies at the reference.
#[inline]
pub fn fetch<T>(target: &T) {
    fetch_line(std::ptr::from_ref(target).cast());
}

/// Begins to load an element, if there is one.
#[inline]
pub fn fetch_at<T>(elements: &[T], index: usize) {
    elements.get(index).map(fetch);
}
