//! What there is to do: the inputs that a run works through.
//!
//! Three kinds, each independent of the others and of how it is executed:
//!
//! - [`trace`]: a recorded list of requests, streamed from a file in one of nine formats;
//! - [`directory`]: the files of a project, found in a fixed order, read and indexed;
//! - [`generator`]: a seeded, built-in sequence of phases that favour different policies.
//!
//! Nothing here knows a cache, a clock or a thread pool: a workload says what is asked for, in which order, and the
//! caller decides where and when. The same input and the same seed give the same requests.

pub mod analysis;
pub mod directory;
pub mod generator;
pub mod key;
pub mod trace;
