//! Exit codes, and how an error reaches the terminal.

use std::error::Error;
use std::process::ExitCode;

use host_profile::ProfileError;
use host_runtime::RunError;

use crate::log::LogError;
use crate::out;

/// Shown below `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done; the report names strategies that failed. Also where the reader of the output has
       closed it (host sim ... | head)
  1    something cannot be used: a file, a trace, a component, standard output. Also where host plugin check
       has found something wrong, or a strategy of host plugin test failed
  2    wrong arguments or settings
  130  ended by Ctrl-C or SIGTERM. The report covers what was done; without a report, the work could not
       end within 5 s, and the last line says what it waited for";

/// Why a command failed.
pub(crate) type Failure = Box<dyn Error>;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Interrupted,
    /// All was done, and what was looked at is not sound; the output says why.
    Unsound,
}

/// The code of wrong arguments; clap's own.
pub(crate) const WRONG_ARGUMENTS: u8 = 2;

/// The code of a result; an error is printed with what caused it.
pub(crate) fn code(result: Result<End, Failure>) -> ExitCode {
    match result {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Interrupted) => ExitCode::from(130),
        Ok(End::Unsound) => ExitCode::FAILURE,
        // The reader of the output closed it: that is no error.
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let mut said = error.to_string();
            out::say(&format!("error: {said}"));
            let mut source = error.source();
            while let Some(cause) = source {
                // Most texts quote their cause already.
                let text = cause.to_string();
                if !said.contains(&text) {
                    out::say(&format!("  because: {text}"));
                    said = text;
                }
                source = cause.source();
            }
            if is_setting(&*error) { ExitCode::from(WRONG_ARGUMENTS) } else { ExitCode::FAILURE }
        }
    }
}

fn is_closed_pipe(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe && out::failed(error))
}

/// Whether a key, a value or a name of the settings is wrong, in whichever layer it was written.
fn is_setting(error: &(dyn Error + 'static)) -> bool {
    match error.downcast_ref::<RunError>() {
        Some(RunError::Profile(error)) => is_written_wrong(error),
        Some(RunError::Setting { .. } | RunError::WarmLeftOut(_)) => true,
        Some(_) => false,
        None => match error.downcast_ref::<LogError>() {
            Some(error) => !matches!(error, LogError::Listening(_)),
            None => error.downcast_ref::<ProfileError>().is_some_and(is_written_wrong),
        },
    }
}

fn is_written_wrong(error: &ProfileError) -> bool {
    !matches!(
        error,
        ProfileError::Read { .. }
            | ProfileError::TooLong { .. }
            | ProfileError::Walk { .. }
            | ProfileError::Incomplete { .. }
    )
}
