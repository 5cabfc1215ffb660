//! Every lock, atomic and thread primitive of this crate, from one place, so that a test can put others under
//! the same code.

pub(crate) use parking_lot::{Condvar, Mutex, MutexGuard};
pub(crate) use std::cell::UnsafeCell;
pub(crate) use std::hint::spin_loop;
pub(crate) use std::sync::Arc;
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
pub(crate) use std::thread::{sleep, yield_now};
pub(crate) use std::thread_local;
