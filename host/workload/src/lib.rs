//! The inputs of a run.
//!
//! There are four kinds. None depends on another, nor on how it is executed:
//!
//! - [`trace`]: a recorded list of requests, streamed from a file in one of ten formats;
//! - [`commands`]: a list of commands, one a line;
//! - [`directory`]: the files of a project, found in a fixed order, read and indexed;
//! - [`generator`]: a seeded, built-in sequence of phases that favour different policies.
//!
//! Beside them, [`hot`] knows what was asked for most, and [`recording`] writes down what a run was asked for and what came of it.
//!
//! This crate knows no cache, no clock and no thread pool. A workload says what is asked for and in which order; the
//! caller decides where and when. The same input and the same seed give the same requests.

pub mod analysis;
pub mod commands;
pub mod directory;
pub mod generator;
pub mod hot;
pub mod key;
pub mod recording;
pub mod trace;
