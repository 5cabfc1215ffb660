//! What the fuzz targets do with their bytes, and what has to hold whatever these are.
//!
//! A target of its own for each reader keeps its corpus its own. `fuzz/run` runs them all.

pub mod profile;
pub mod trace;
