//! Runs the built-in workload, phase by phase.

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_workload::generator::{Action, Generator, burn};

use super::Drive;
use crate::key::Key;
use crate::origin::Sizes;
use crate::record::{COMPUTE, WAIT};
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
    drive.warm_up(|_| None).await;
    let mut phases = Vec::new();
    for phase in generator.phases() {
        if drive.stop.asked() {
            break;
        }
        let before = drive.begin(phase.name, Some(phase.requests));
        for (done, op) in (0..).zip(generator.ops(phase)) {
            if !drive.goes_on(done) {
                break;
            }
            let client = drive.client().await;
            let live = Arc::clone(&drive.live);
            match op.action {
                Action::Get => {
                    let request = live.arrive(Key::Number(op.key));
                    drive.io(client, async move { live.serve(request).await }).await;
                }
                Action::Cpu { iterations } => {
                    let submitted = Instant::now();
                    let job = move || {
                        std::hint::black_box(burn(op.key, iterations));
                        live.worked(COMPUTE, submitted);
                    };
                    drive.cpu(client, job).await;
                }
                Action::Io { micros } => {
                    let submitted = Instant::now();
                    let task = async move {
                        tokio::time::sleep(Duration::from_micros(u64::from(micros))).await;
                        live.worked(WAIT, submitted);
                        Ok::<(), std::convert::Infallible>(())
                    };
                    drive.io(client, task).await;
                }
            }
        }
        phases.push(drive.end(before).await);
    }
    phases
}
