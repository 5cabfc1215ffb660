//! 32-bit indices.

/// No index.
pub(crate) const NIL: u32 = u32::MAX;

/// An index as a position in a slice.
#[inline]
#[expect(clippy::as_conversions, reason = "usize has at least 32 bits on every supported target")]
pub(crate) const fn at(index: u32) -> usize {
    index as usize
}
