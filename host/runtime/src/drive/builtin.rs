//! Runs the built-in workload, phase by phase.

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_workload::generator::{Action, Generator, burn};

use super::Drive;
use crate::origin::Sizes;
use crate::report::Phase;

/// Every object has the same size, and there is one under every key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Uniform(pub(crate) u32);

impl Sizes for Uniform {
    fn size(&self, _: u64) -> Option<u32> {
        Some(self.0)
    }
}

/// Runs every phase; the ones that were not reached before the run was ended are missing.
pub(crate) async fn drive(drive: &Drive<'_>, generator: &Generator) -> Vec<Phase> {
    let mut phases = Vec::new();
    for phase in generator.phases() {
        if drive.stop.asked() {
            break;
        }
        let mark = drive.begin(phase.name, Some(phase.requests));
        for (done, op) in (0..).zip(generator.ops(phase)) {
            if !drive.goes_on(done) {
                break;
            }
            let requests = Arc::clone(&drive.requests);
            match op.action {
                Action::Get => {
                    let at = requests.arrived(op.key);
                    // Every key has an object, so that the origin has no error to answer with.
                    drive.io(async move { drop(requests.get(op.key, at).await) }).await;
                }
                Action::Cpu { iterations } => {
                    let job = move || {
                        let started = Instant::now();
                        std::hint::black_box(burn(op.key, iterations));
                        requests.done(started.elapsed());
                    };
                    drive.cpu(job).await;
                }
                Action::Io { micros } => {
                    let task = async move {
                        let started = Instant::now();
                        tokio::time::sleep(Duration::from_micros(u64::from(micros))).await;
                        requests.done(started.elapsed());
                    };
                    drive.io(task).await;
                }
            }
        }
        phases.push(drive.end(mark).await);
    }
    phases
}
