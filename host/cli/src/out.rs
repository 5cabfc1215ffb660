//! Where text leaves the process: standard output, and lines beside it on standard error.
//!
//! Everything a command prints goes through here, for two reasons. `println!` panics where the reader has gone or the
//! disk is full; here that is an error that the command returns (see [`crate::exit`]). And what comes from outside (a
//! file's name, a strategy's text, a trace's key) may hold control characters that forge lines of a report or drive
//! the terminal; here a line stays one line, and such characters are shown as escapes. JSON is escaped by serde.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, StderrLock, StdoutLock, Write};
use std::sync::atomic::{AtomicBool, Ordering};

/// Standard output could not be written.
#[derive(Debug, thiserror::Error)]
#[error("standard output: {0}")]
pub(crate) struct NotWritten(io::Error);

/// Standard output, locked. Its errors hold a [`NotWritten`].
pub(crate) enum Out {
    Stdout(StdoutLock<'static>),
    /// Standard output belongs to what the command runs.
    Stderr(StderrLock<'static>),
}

/// Whether standard output belongs to what the command runs.
static REPORT_ON_STDERR: AtomicBool = AtomicBool::new(false);

/// From here on everything that this command prints itself goes to standard error: standard output belongs to what it runs.
pub(crate) fn report_on_stderr() {
    REPORT_ON_STDERR.store(true, Ordering::Relaxed);
}

/// Standard output, for output that has lines of its own: a table, comma-separated values, JSON.
pub(crate) fn stdout() -> Out {
    if REPORT_ON_STDERR.load(Ordering::Relaxed) {
        return Out::Stderr(io::stderr().lock());
    }
    Out::Stdout(io::stdout().lock())
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes).map_err(not_written),
            Self::Stderr(out) => out.write(bytes).map_err(not_written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush().map_err(not_written),
            Self::Stderr(out) => out.flush().map_err(not_written),
        }
    }
}

fn not_written(error: io::Error) -> io::Error {
    // Callers retry an interrupted write, and know it by this error alone.
    if error.kind() == io::ErrorKind::Interrupted {
        error
    } else {
        io::Error::new(error.kind(), NotWritten(error))
    }
}

/// Whether standard output could not be written, and why.
pub(crate) fn failed(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<NotWritten>())
}

/// Prints one line to standard output; call it through [`outln!`].
pub(crate) fn print(text: fmt::Arguments<'_>) -> io::Result<()> {
    writeln!(stdout(), "{}", escape(&text.to_string()))
}

/// Prints one line to standard output, escaped; returns the error of writing it.
macro_rules! outln {
    () => { crate::out::print(format_args!("")) };
    ($($text:tt)+) => { crate::out::print(format_args!($($text)+)) };
}
pub(crate) use outln;

/// Prints one line to standard error. A failure is ignored: there is no other place to report it.
pub(crate) fn say(text: &str) {
    drop(writeln!(io::stderr(), "{}", escape(text)));
}

/// The text with its control characters as escapes (`\n`, `\u{1b}`), and with those that reorder or break the line
/// they stand in.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(drives_the_terminal) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if drives_the_terminal(c) {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    Cow::Owned(escaped)
}

/// Control characters, line and paragraph separators, and marks of writing direction.
fn drives_the_terminal(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_drives_a_terminal_is_shown_and_all_else_kept() {
        assert_eq!(escape("plain, häh … ▄ \\n"), "plain, häh … ▄ \\n");
        assert_eq!(escape("a\nnote: b\t\u{1b}[2J\u{9b}\u{7f}"), "a\\nnote: b\\t\\u{1b}[2J\\u{9b}\\u{7f}");
        assert_eq!(escape("\u{202e}txt.exe\u{2028}"), "\\u{202e}txt.exe\\u{2028}");
    }
}
