//! Exit codes, and how an error reaches the terminal.

use std::error::Error;
use std::io::ErrorKind;
use std::process::ExitCode;

/// Shown below `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0    done; strategies that were set aside are in the report
  1    something handed in is wrong: a file, a profile, a trace, a component
  2    wrong arguments
  130  ended by Ctrl-C; the report covers what was done";

/// Why a command failed.
pub(crate) type Failure = Box<dyn Error>;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Interrupted,
}

/// The code of a result; an error is printed with what caused it.
pub(crate) fn code(result: Result<End, Failure>) -> ExitCode {
    match result {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Interrupted) => ExitCode::from(130),
        // Whoever reads our output has seen enough (`host sim … | head`).
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            let mut said = error.to_string();
            eprintln!("error: {said}");
            let mut source = error.source();
            while let Some(cause) = source {
                // Most texts quote their cause already.
                let text = cause.to_string();
                if !said.contains(&text) {
                    eprintln!("  because: {text}");
                    said = text;
                }
                source = cause.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::BrokenPipe)
}
