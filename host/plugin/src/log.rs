//! The messages of one tick, bounded.

use host_control::LogLine;

use crate::names;

/// Messages kept a tick, of whatever origin.
pub(crate) const MAX_LINES: usize = 64;

/// Bytes kept of a message.
const MAX_MESSAGE: usize = 1 << 10;

/// Bytes kept of a context.
const MAX_CONTEXT: usize = 64;

/// Messages, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    dropped: u64,
}

impl Log {
    pub(crate) fn push(&mut self, level: &'static str, context: &str, message: &str) {
        if self.lines.len() >= MAX_LINES {
            self.dropped += 1;
            return;
        }
        let context = names::tame(context, MAX_CONTEXT);
        self.lines.push(LogLine { level, context, message: names::tame(message, MAX_MESSAGE) });
    }

    /// One message for each line that a guest wrote to a standard stream.
    pub(crate) fn push_lines(&mut self, level: &'static str, context: &str, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.push(level, context, line);
        }
    }

    /// The messages, and where some were dropped one more that counts them.
    pub(crate) fn take(&mut self) -> Vec<LogLine> {
        let mut lines = std::mem::take(&mut self.lines);
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            let message = format!("{dropped} more messages in this tick were dropped; {MAX_LINES} are kept");
            lines.push(LogLine { level: "warn", context: "host".to_owned(), message });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chatty_guest_is_cut_short_and_counted() {
        let mut log = Log::default();
        for _ in 0..100 {
            log.push("info", "loop", &"ä".repeat(4096));
        }
        let lines = log.take();
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(lines[0].message.len(), MAX_MESSAGE + '…'.len_utf8());
        assert_eq!(lines[MAX_LINES].message, "36 more messages in this tick were dropped; 64 are kept");
        assert!(log.take().is_empty());
    }

    #[test]
    fn each_line_of_a_stream_is_a_message() {
        let mut log = Log::default();
        log.push_lines("warn", "stderr", "one\n\ntwo\n");
        let messages: Vec<_> = log.take().into_iter().map(|l| l.message).collect();
        assert_eq!(messages, ["one", "two"]);
    }
}
