//! Ctrl-C and SIGTERM: the first ends the run early, the second ends it at once. SIGHUP ends a run as well, and tells a server
//! to read its settings again.
//!
//! Some work cannot be ended: a FIFO without a writer, an origin that does not answer, a component that compiles.
//! So the first signal also sets a bound. A process that is still there [`GRACE`] later says what it waited for and
//! exits. What it had not written yet, such as the end of a ledger, is lost then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use host_runtime::Stop;
use parking_lot::Mutex;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::exit::Failure;
use crate::out;

/// Time from the first signal to the end of the process, at most. `exit::HELP` names it.
const GRACE: Duration = Duration::from_secs(5);

/// Exit code of a process that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// What the command does at present, in words. One for the process, as signals are.
static DOING: Mutex<String> = Mutex::new(String::new());

/// Says what the command does from here on: what it waited for, if it has to be ended.
pub(crate) fn doing(what: &str) {
    what.clone_into(&mut DOING.lock());
}

/// The same of a server, which has connections to end.
const GRACE_OF_A_SERVER: Duration = Duration::from_secs(10);

/// A flag that the first signal raises.
pub(crate) fn stop_on_ctrl_c() -> Result<Stop, Failure> {
    doing("opening the input");
    let stop = Stop::default();
    let flag = stop.clone();
    let raised = AtomicBool::new(false);
    ctrlc::set_handler(move || end(&raised, &flag, GRACE))?;
    Ok(stop)
}

/// What signals tell a server.
pub(crate) struct Signals {
    /// The first SIGINT or SIGTERM was sent.
    pub(crate) stop: Stop,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Whether SIGHUP was sent since the last call.
    pub(crate) fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }
}

/// Listens to the signals of a server.
pub(crate) fn signals() -> Result<Signals, Failure> {
    let (stop, reload) = (Stop::default(), Arc::new(AtomicBool::new(false)));
    let mut sent = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    let (flag, again) = (stop.clone(), Arc::clone(&reload));
    let raised = AtomicBool::new(false);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in &mut sent {
            if signal == SIGHUP {
                again.store(true, Ordering::Relaxed);
            } else {
                end(&raised, &flag, GRACE_OF_A_SERVER);
            }
        }
    })?;
    Ok(Signals { stop, reload })
}

/// The first call asks for the end, and bounds it; the second one ends the process.
fn end(raised: &AtomicBool, stop: &Stop, grace: Duration) {
    if raised.swap(true, Ordering::Relaxed) {
        std::process::exit(INTERRUPTED);
    }
    stop.ask();
    // Started before anything is printed, since the process may be waiting for the terminal. Where no thread can be started,
    // only the second signal ends the process.
    drop(std::thread::Builder::new().name("grace".to_owned()).spawn(move || end_after(grace)));
    out::say("");
    out::say("ending the run; Ctrl-C again ends at once");
}

fn end_after(grace: Duration) {
    std::thread::sleep(grace);
    let waited_for = DOING.lock().clone();
    let grace = grace.as_secs();
    out::say(&format!("ended {grace} s after the signal, without a report; still {waited_for}"));
    std::process::exit(INTERRUPTED);
}
