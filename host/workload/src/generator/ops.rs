//! Produces the operations of a phase, one at a time.

use std::ops::RangeInclusive;

use rand::RngExt as _;
use rand_pcg::Pcg64;

use super::access::Access;
use super::{Action, Op, Phase, PhaseKind, Plan};
use crate::key::hash_number;

/// The operations of a phase. Made by [`Generator::ops`](super::Generator::ops).
#[derive(Clone, Debug)]
pub struct Ops {
    random: Pcg64,
    source: OpSource,
    done: u64,
    requests: u64,
}

#[derive(Clone, Debug)]
enum OpSource {
    Cache { access: Access, size: u32 },
    Cpu(RangeInclusive<u32>),
    Io(RangeInclusive<u32>),
}

impl Ops {
    pub(super) fn new(seed: u64, plan: &Plan, phase: Phase) -> Self {
        // Streams that differ only in their number are correlated; a hashed state keeps phases apart.
        let number = phase.kind.number();
        let state = u128::from(hash_number(seed ^ hash_number(number)));
        let source = match phase.kind {
            PhaseKind::CpuBurst => OpSource::Cpu(plan.cpu_iterations.clone()),
            PhaseKind::IoBurst => OpSource::Io(plan.io_micros.clone()),
            kind => OpSource::Cache {
                access: Access::new(kind, plan, phase.requests, seed),
                size: plan.value_bytes,
            },
        };
        let random = Pcg64::new(state << 64 | u128::from(seed), u128::from(number));
        Self { random, source, done: 0, requests: phase.requests }
    }
}

impl Iterator for Ops {
    type Item = Op;

    fn next(&mut self) -> Option<Op> {
        if self.done == self.requests {
            return None;
        }
        let index = self.done;
        self.done += 1;
        Some(match &mut self.source {
            OpSource::Cache { access, size } => {
                Op { key: access.key(index, &mut self.random), size: *size, action: Action::Get }
            }
            OpSource::Cpu(range) => {
                let iterations = self.random.random_range(range.clone());
                Op { key: index, size: 0, action: Action::Cpu { iterations } }
            }
            OpSource::Io(range) => {
                let micros = self.random.random_range(range.clone());
                Op { key: index, size: 0, action: Action::Io { micros } }
            }
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::try_from(self.requests - self.done);
        (left.unwrap_or(usize::MAX), left.ok())
    }
}

impl std::iter::FusedIterator for Ops {}

/// The work of a CPU task: steps that each need the one before, so that neither the compiler nor a wide processor
/// shortens them. Use the result, lest the whole be dropped.
#[must_use]
pub fn burn(key: u64, iterations: u32) -> u64 {
    (0..iterations).fold(key, |state, _| hash_number(state))
}
