//! How much of a trace is held at a time.

/// Bytes of a (decompressed) trace held at a time.
pub const BUFFER_BYTES: usize = 256 * 1024;

/// Longest line, or CSV record, that is read.
pub const MAX_LINE_BYTES: usize = 64 * 1024;

// A line of full length and its end must fit beside nothing else.
const _: () = assert!(BUFFER_BYTES > 2 * MAX_LINE_BYTES);
