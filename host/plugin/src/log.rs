//! The messages of one tick, bounded in number and in bytes.
//!
//! Once one is dropped, all that follow are: what is kept is the beginning, without gaps. How many were dropped is told
//! in a message of the host's own, with the key that keeps more.

use host_control::LogLine;

use crate::names;

/// Bytes kept of a message.
const MAX_MESSAGE: usize = 1 << 10;

/// Bytes kept of a context.
const MAX_CONTEXT: usize = 64;

/// Messages, oldest first.
#[derive(Debug)]
pub(crate) struct Log {
    lines: Vec<LogLine>,
    bytes: usize,
    max_lines: usize,
    max_bytes: usize,
    dropped: u64,
    /// The limit that was met first: its name, and what is kept.
    met: Option<(&'static str, String)>,
}

impl Log {
    /// A log that keeps so much of one tick.
    pub(crate) fn new(lines: u32, bytes: u64) -> Self {
        Self {
            lines: Vec::new(),
            bytes: 0,
            max_lines: usize::try_from(lines).unwrap_or(usize::MAX),
            max_bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            dropped: 0,
            met: None,
        }
    }

    pub(crate) fn push(&mut self, level: &'static str, context: &str, message: &str) {
        let bytes =
            self.bytes.saturating_add(context.len().min(MAX_CONTEXT) + message.len().min(MAX_MESSAGE));
        if self.met.is_none() {
            if self.lines.len() >= self.max_lines {
                self.met = Some(("log-lines", format!("{} are kept", self.max_lines)));
            } else if bytes > self.max_bytes {
                self.met = Some(("log-bytes", format!("{} bytes are kept", self.max_bytes)));
            }
        }
        if self.met.is_some() {
            self.dropped += 1;
            return;
        }
        self.bytes = bytes;
        let context = names::sanitize(context, MAX_CONTEXT);
        self.lines.push(LogLine { level, context, message: names::sanitize(message, MAX_MESSAGE) });
    }

    /// One message for each line that a guest wrote to a standard stream.
    pub(crate) fn push_lines(&mut self, level: &'static str, context: &str, text: &str) {
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            self.push(level, context, line);
        }
    }

    /// The messages, and where some were dropped one more that counts them. `table` is the table of the profile with
    /// the limits.
    pub(crate) fn take(&mut self, table: &str) -> Vec<LogLine> {
        let mut lines = std::mem::take(&mut self.lines);
        let dropped = std::mem::take(&mut self.dropped);
        self.bytes = 0;
        if let Some((limit, kept)) = self.met.take() {
            let message = format!(
                "{dropped} more messages of this tick were dropped: {kept}; raise `{table}.{limit}` to keep more"
            );
            lines.push(LogLine { level: "warn", context: "host".to_owned(), message });
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_messages_are_cut_short_and_counted() {
        let mut log = Log::new(64, 1 << 20);
        for _ in 0..100 {
            log.push("info", "loop", &"ä".repeat(4096));
        }
        let lines = log.take("limits");
        assert_eq!(lines.len(), 65);
        assert_eq!(lines[0].message.len(), MAX_MESSAGE + '…'.len_utf8());
        assert_eq!(
            lines[64].message,
            "36 more messages of this tick were dropped: 64 are kept; raise `limits.log-lines` to keep more"
        );
        assert!(log.take("limits").is_empty());
    }

    #[test]
    fn too_many_bytes_are_cut_short_and_counted() {
        let mut log = Log::new(64, 100);
        for text in [60, 60, 1] {
            log.push("info", "", &"x".repeat(text));
        }
        let lines = log.take("strategies.mine.limits");
        assert_eq!(lines.len(), 2, "the beginning is kept without gaps: {lines:?}");
        assert_eq!(
            lines[1].message,
            "2 more messages of this tick were dropped: 100 bytes are kept; raise `strategies.mine.limits.log-bytes` \
             to keep more"
        );
        log.push("info", "", "again");
        assert_eq!(log.take("limits").len(), 1, "the next tick begins anew");
    }

    #[test]
    fn each_line_of_a_stream_is_a_message() {
        let mut log = Log::new(64, 1 << 10);
        log.push_lines("warn", "stderr", "one\n\ntwo\n");
        let messages: Vec<_> = log.take("limits").into_iter().map(|l| l.message).collect();
        assert_eq!(messages, ["one", "two"]);
    }
}
