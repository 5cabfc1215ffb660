//! Ctrl-C and SIGTERM: the first ends the run early, the second ends it at once.
//!
//! Some work cannot be ended: a FIFO without a writer, an origin that does not answer, a component that compiles.
//! So the first signal also sets a bound. A process that is still there [`GRACE`] later says what it waited for and
//! exits. What it had not written yet, such as the end of a ledger, is lost then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use host_runtime::Stop;
use parking_lot::Mutex;

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

/// A flag that the first signal raises.
pub(crate) fn stop_on_ctrl_c() -> Result<Stop, Failure> {
    doing("opening the input");
    let stop = Stop::default();
    let raised = AtomicBool::new(false);
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED);
        }
        flag.ask();
        // Started before anything is printed, since the process may be waiting for the terminal. Where no thread can be
        // started, only the second signal ends the process.
        drop(std::thread::Builder::new().name("grace".to_owned()).spawn(end_after_grace));
        out::say("");
        out::say("ending the run; Ctrl-C again ends at once");
    })?;
    Ok(stop)
}

fn end_after_grace() {
    std::thread::sleep(GRACE);
    let waited_for = DOING.lock().clone();
    let grace = GRACE.as_secs();
    out::say(&format!("ended {grace} s after the signal, without a report; still {waited_for}"));
    std::process::exit(INTERRUPTED);
}
