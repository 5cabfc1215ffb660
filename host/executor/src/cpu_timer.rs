//! Time on a CPU, of the code between two points of one thread.
//!
//! Thread CPU time alone would mislead a strategy: with more workers than cores each task spends half of
//! its time ready but not running, looks like IO work, and gets even more workers. So where the kernel
//! tells (Linux) the voluntary context switches are counted too: code that never gave the CPU away itself
//! did not wait for anything, and the time it was not running is left out. Elsewhere thread CPU time is taken as it is.
//!
//! A reading costs two system calls, about half a microsecond, which is why only a sample of tasks is
//! timed (see the recorder).

use std::ffi::c_long;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;

/// Begun; not to be moved to another thread (`ThreadTime` cannot be).
pub(crate) struct CpuTimer {
    begun: Instant,
    cpu: ThreadTime,
    switches: Option<c_long>,
}

impl CpuTimer {
    /// None where the system does not tell the CPU time of a thread.
    pub(crate) fn begin() -> Option<Self> {
        Some(Self { cpu: ThreadTime::try_now().ok()?, switches: voluntary_switches(), begun: Instant::now() })
    }

    /// When it was begun.
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    /// What passed since the beginning.
    pub(crate) fn end(self) -> Measured {
        // First, because a thread is often preempted in a system call, which is not the task's doing.
        let elapsed = self.begun.elapsed();
        let on_cpu = self.cpu.try_elapsed().unwrap_or(elapsed).min(elapsed);
        let waited_for_nothing = self.switches.is_some() && self.switches == voluntary_switches();
        Measured {
            elapsed,
            on_cpu,
            not_running: if waited_for_nothing { elapsed - on_cpu } else { Duration::ZERO },
        }
    }
}

/// How long something took, how much of that it was on a CPU, and how much it was ready for one but not
/// running, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Measured {
    pub(crate) elapsed: Duration,
    pub(crate) on_cpu: Duration,
    pub(crate) not_running: Duration,
}

#[cfg(target_os = "linux")]
fn voluntary_switches() -> Option<c_long> {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_THREAD).ok().map(|usage| usage.voluntary_context_switches())
}

#[cfg(not(target_os = "linux"))]
fn voluntary_switches() -> Option<c_long> {
    None
}
