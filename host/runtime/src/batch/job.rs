//! One job: a process group of its own, from its start to its end.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command as Process, ExitStatus, Stdio};
use std::time::{Duration, Instant, SystemTime};

use host_workload::commands::Command;
use parking_lot::Mutex;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use serde::Serialize;
use wait4::Wait4 as _;

/// From the signal that asks a job to end to the one that ends it.
const GRACE: Duration = Duration::from_secs(2);

/// How a job ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// With exit code 0.
    Ok,
    /// With another one.
    Failed(i32),
    /// By a signal.
    Signal(i32),
    /// It took too long, and was ended.
    TimedOut,
    /// The batch was ended, and it with it.
    Ended,
    /// It could not be started; what the system said.
    NotStarted(String),
}

impl Ending {
    /// The exit code that a shell would have given it: 124 where it took too long, 126 and 127 where it could not be started, and
    /// 128 above the number of a signal.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Ok => 0,
            Self::Failed(code) => *code,
            Self::Signal(number) => number.saturating_add(128),
            Self::TimedOut => 124,
            Self::Ended => 143,
            Self::NotStarted(_) => 127,
        }
    }
}

impl std::fmt::Display for Ending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ok => f.write_str("ok"),
            Self::Failed(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Ended => f.write_str("ended with the batch"),
            Self::NotStarted(why) => write!(f, "not started: {why}"),
        }
    }
}

/// A job that has ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) started: SystemTime,
    pub(super) wall: Duration,
    /// Of the process and of all that it waited for.
    pub(super) cpu: Duration,
    /// The most that one of its processes held. Bytes. None where that is less than what this process has held: a child begins
    /// as a copy of it, and the system counts that.
    pub(super) peak_bytes: Option<u64>,
    pub(super) ending: Ending,
    /// What it printed.
    pub(super) printed: Option<Printed>,
}

/// Files without a name that hold what a job printed.
#[derive(Debug)]
pub(super) struct Printed {
    pub(super) out: File,
    pub(super) err: File,
}

/// Runs jobs, and ends those that take too long.
#[derive(Debug)]
pub(super) struct Jobs {
    shell: Option<OsString>,
    timeout: Option<Duration>,
    /// Those that run. Held while one is signalled, so that no process is that has taken its number since.
    running: Mutex<HashMap<usize, Running>>,
}

#[derive(Debug)]
struct Running {
    group: Pid,
    until: Option<Instant>,
    /// When it was asked to end, and whether because it took too long.
    asked: Option<(Instant, bool)>,
}

impl Jobs {
    /// Runs them by this shell, or as they are, each for so long at most.
    pub(super) fn new(shell: Option<OsString>, timeout: Option<Duration>) -> Self {
        Self { shell, timeout, running: Mutex::default() }
    }

    /// Those that run now.
    pub(super) fn running(&self) -> u32 {
        u32::try_from(self.running.lock().len()).unwrap_or(u32::MAX)
    }

    /// Runs one, and waits for its end. `place` is one that no other job has.
    pub(super) fn run(&self, place: usize, command: &Command) -> Ran {
        let (started, begun) = (SystemTime::now(), Instant::now());
        let not_started = |error: io::Error| Ran {
            started,
            wall: begun.elapsed(),
            cpu: Duration::ZERO,
            peak_bytes: None,
            ending: Ending::NotStarted(error.to_string()),
            printed: None,
        };
        let own = host_telemetry::peak_memory_bytes().unwrap_or(0);
        let (child, printed) = match self.start(command) {
            Ok(started) => started,
            Err(error) => return not_started(error),
        };
        match self.wait(place, child, begun) {
            Ok((ending, used)) => Ran {
                started,
                wall: begun.elapsed(),
                cpu: used.utime + used.stime,
                peak_bytes: Some(used.maxrss).filter(|&peak| peak > own),
                ending,
                printed: Some(printed),
            },
            Err(error) => not_started(error),
        }
    }

    fn start(&self, command: &Command) -> io::Result<(Child, Printed)> {
        let mut process = match (&self.shell, command.words.split_first()) {
            (Some(shell), _) => {
                let mut process = Process::new(shell);
                process.arg("-c").arg(&command.text);
                process
            }
            (None, Some((program, arguments))) => {
                let mut process = Process::new(program);
                process.args(arguments);
                process
            }
            (None, None) => return Err(io::ErrorKind::InvalidInput.into()),
        };
        let printed = Printed { out: tempfile::tempfile()?, err: tempfile::tempfile()? };
        process.stdin(Stdio::null()).stdout(printed.out.try_clone()?).stderr(printed.err.try_clone()?);
        // A group of its own: what it starts ends with it, and Ctrl-C reaches it through us.
        process.process_group(0);
        Ok((process.spawn()?, printed))
    }

    fn wait(&self, place: usize, child: Child, begun: Instant) -> io::Result<(Ending, wait4::ResourceUsage)> {
        let group = Pid::from_child(&child);
        let until = self.timeout.and_then(|timeout| begun.checked_add(timeout));
        self.running.lock().insert(place, Running { group, until, asked: None });
        // It stays a zombie, so that its number is nobody else's until it is out of the list.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let waited = rustix::io::retry_on_intr(|| waitid(WaitId::Pid(group), options));
        let entry = self.running.lock().remove(&place);
        waited?;
        let ended = child.wait4()?;
        let asked = entry.and_then(|entry| entry.asked).map(|(_, late)| late);
        Ok((ending(ended.status, asked), ended.rusage))
    }

    /// Asks those to end that have taken too long, or all of them; those that do not are ended.
    pub(super) fn look(&self, now: Instant, all: bool) {
        for job in self.running.lock().values_mut() {
            let late = job.until.is_some_and(|until| now >= until);
            let signal = match job.asked {
                None if late || all => {
                    job.asked = Some((now, late));
                    Signal::TERM
                }
                Some((asked, _)) if now.saturating_duration_since(asked) >= GRACE => Signal::KILL,
                _ => continue,
            };
            // One that has just ended is no error.
            let _ = kill_process_group(job.group, signal);
        }
    }
}

/// `asked`: whether it was asked to end, and then whether because it took too long.
fn ending(status: ExitStatus, asked: Option<bool>) -> Ending {
    match (asked, status.code()) {
        (_, Some(0)) => Ending::Ok,
        (Some(true), _) => Ending::TimedOut,
        (Some(false), _) => Ending::Ended,
        (None, Some(code)) => Ending::Failed(code),
        (None, None) => Ending::Signal(status.signal().unwrap_or(0)),
    }
}
