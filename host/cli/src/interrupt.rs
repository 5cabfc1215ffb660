//! Ctrl-C: once ends the run early, twice ends at once.

use std::sync::atomic::{AtomicBool, Ordering};

use host_runtime::Stop;

use crate::exit::Failure;

/// A flag that the first Ctrl-C raises.
pub(crate) fn stop_on_ctrl_c() -> Result<Stop, Failure> {
    let stop = Stop::default();
    let raised = AtomicBool::new(false);
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        flag.ask();
        eprintln!("\nending the run; Ctrl-C again ends at once");
    })?;
    Ok(stop)
}
