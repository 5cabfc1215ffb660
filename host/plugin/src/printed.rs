//! What a guest printed in one call, and what of it belongs beside the trap that ended it.

use crate::names;

/// Lines kept beside a trap.
const MAX_LINES: usize = 5;

/// Bytes kept of a line, and of the message of a panic.
const MAX_LINE: usize = 512;

/// How Rust begins the message of a panic.
const PANIC: &str = "panicked at ";

/// The end of what was written to the two streams.
#[derive(Debug, Default)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Printed {
    /// The message of the last panic as one line: its place and its text, without the advice that follows it.
    pub(crate) fn panic(&self) -> Option<String> {
        let text = self.stderr.get(self.stderr.rfind(PANIC)?..)?;
        let lines =
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("note: "));
        Some(names::sanitize(&lines.collect::<Vec<_>>().join(" "), MAX_LINE))
    }

    /// The last lines before that panic, of the output and then of the errors, oldest first.
    pub(crate) fn last_lines(&self) -> Vec<String> {
        let end = self.stderr.rfind(PANIC).unwrap_or(self.stderr.len());
        let before = self.stderr.get(..end).unwrap_or_default();
        // The line in which the message begins is part of it.
        let before = match before.rfind('\n') {
            _ if end == self.stderr.len() => before,
            Some(line_end) => before.get(..line_end).unwrap_or_default(),
            None => "",
        };
        let lines = self.stdout.lines().chain(before.lines()).filter(|line| !line.trim().is_empty());
        let mut last: Vec<String> =
            lines.rev().take(MAX_LINES).map(|l| names::sanitize(l, MAX_LINE)).collect();
        last.reverse();
        last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(stdout: &str, stderr: &str) -> Printed {
        Printed { stdout: stdout.to_owned(), stderr: stderr.to_owned() }
    }

    #[test]
    fn a_panic_is_told_in_one_line() {
        let printed = printed(
            "",
            "hello\n\nthread '<unnamed>' (1) panicked at src/lib.rs:12:5:\nindex out of range\n\
             note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n",
        );
        assert_eq!(printed.panic().as_deref(), Some("panicked at src/lib.rs:12:5: index out of range"));
        assert_eq!(printed.last_lines(), ["hello"]);
    }

    #[test]
    fn without_a_panic_the_last_lines_stand_alone() {
        assert_eq!(printed("", "  \n").panic(), None);
        assert!(printed("", "  \n").last_lines().is_empty());
        let printed = printed("1\n2\n3\n", "4\n\n5\nassertion failed\u{1b}\n");
        assert_eq!(printed.panic(), None);
        assert_eq!(printed.last_lines(), ["2", "3", "4", "5", "assertion failed "]);
    }
}
