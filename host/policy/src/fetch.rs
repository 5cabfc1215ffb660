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

/// Requests for which one step is taken at a time. Enough for the memory to be busy; few enough that what was fetched is
/// still in the first-level cache.
pub const STRETCH: usize = 32;

/// The stretch that comes `before` so many others when it is the turn of that with this number. Nothing before the first
/// stretch and behind the last one, so that a loop over the numbers takes each stretch through all of its steps.
#[inline]
pub fn stretch<T>(requests: &[T], number: usize, before: usize) -> &[T] {
    let rest = number.checked_sub(before).and_then(|number| requests.get(number.checked_mul(STRETCH)?..));
    let rest = rest.unwrap_or_default();
    rest.get(..STRETCH).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::{STRETCH, stretch};

    #[test]
    fn each_stretch_takes_each_step_in_order() {
        for length in [0, 1, STRETCH - 1, STRETCH, 3 * STRETCH + 5] {
            let requests: Vec<usize> = (0..length).collect();
            for before in 0..3 {
                let turns = 0..length.div_ceil(STRETCH) + before;
                let seen: Vec<usize> =
                    turns.flat_map(|number| stretch(&requests, number, before)).copied().collect();
                assert_eq!(seen, requests);
            }
            assert!(stretch(&requests, usize::MAX, 0).is_empty());
        }
    }
}
