//! What crosses crates: the command line, hostile components, whole runs.
//!
//! One binary, so that the host is linked and the components are built once. Every test runs the real
//! `host` on real components built from `tests/components`, in a home directory of its own.

#[cfg(test)]
mod author;
#[cfg(test)]
mod batches;
#[cfg(test)]
mod bundled;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod drop_in;
#[cfg(test)]
mod edges;
#[cfg(test)]
mod eviction;
#[cfg(test)]
mod examples;
#[cfg(test)]
mod fault_matrix;
#[cfg(test)]
mod floors;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod inputs;
#[cfg(test)]
mod learnt;
#[cfg(test)]
mod ledgers;
#[cfg(test)]
mod libcachesim;
#[cfg(test)]
mod live_eviction;
#[cfg(test)]
mod objective;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod policy_limits;
#[cfg(test)]
mod policy_reload;
#[cfg(test)]
mod projects;
#[cfg(test)]
mod recordings;
#[cfg(test)]
mod reload;
#[cfg(test)]
mod replays;
#[cfg(test)]
mod restarts;
#[cfg(test)]
mod runs;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod serving_faults;
#[cfg(test)]
mod shadow_mode;
#[cfg(test)]
mod simulator;
#[cfg(test)]
mod support;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod trust;
#[cfg(test)]
mod views;
#[cfg(test)]
mod warming;
