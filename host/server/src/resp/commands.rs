//! What the commands do. One file a group; each function is a row of the [table](super::command).

pub(super) mod bits;
pub(super) mod clients;
pub(super) mod config;
pub(super) mod debug;
pub(super) mod expiry;
pub(super) mod hashes;
pub(super) mod host;
pub(super) mod info;
pub(super) mod keys;
pub(super) mod listing;
pub(super) mod lists;
pub(super) mod pubsub;
pub(super) mod server;
pub(super) mod strings;
pub(super) mod sums;
pub(super) mod transactions;

mod parts;

use super::failure::Failure;

/// The table holds the number of words, so that this is reached by a fault in the table alone.
fn arity<T>(command: &str) -> Result<T, Failure> {
    Err(Failure::arity(command))
}

/// Whether a word is this option, in letters of either case.
fn is(word: &[u8], option: &str) -> bool {
    word.eq_ignore_ascii_case(option.as_bytes())
}
