//! Every lock, atomic and thread primitive of the cache, from one place, so that a test can put others under
//! the same code.
//!
//! With `--cfg shuttle` they are Shuttle's, whose scheduler decides at each of them which thread goes on: the
//! tests in `tests/shuttle` explore orders of events that a machine would rarely show. A primitive that the
//! cache takes from elsewhere is invisible to them.

#[cfg(not(shuttle))]
mod native;
#[cfg(shuttle)]
mod shuttled;

#[cfg(not(shuttle))]
pub(crate) use native::*;
#[cfg(shuttle)]
pub(crate) use shuttled::*;

pub(crate) use std::cell::UnsafeCell;
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::Ordering;
