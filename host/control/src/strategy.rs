//! A strategy, as the control loop knows it.

use std::sync::Arc;
use std::time::Duration;

use host_contract::Snapshot;
use serde::Serialize;

use crate::context::ProposalContext;

/// Who a strategy is: enough to find the very file again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Its name, as the profile and the ledger call it.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// Digest of the component with its algorithm, such as `blake3:` and 64 hexadecimal digits.
    pub digest: String,
    /// Names of the dials it said it means to use. One may be none that this host has.
    pub dials: Vec<String>,
}

/// Something that looks at a snapshot and proposes settings.
pub trait Strategy: Send {
    /// Who this is.
    fn identity(&self) -> &Identity;

    /// One tick. Proposals go to `context`, which answers each at once and is handed back in the response, also after
    /// a fault: what was asked for before the fault belongs on the ledger.
    ///
    /// The call is bounded by its implementation; it never blocks for longer than its deadline.
    fn tick(&mut self, snapshot: Arc<Snapshot>, context: ProposalContext) -> Response;

    /// What it has in memory, for the one that takes its place; none where it hands over nothing. It is not called again.
    ///
    /// # Errors
    /// Why what it has is lost, in words.
    fn save(&mut self) -> Option<Result<Vec<u8>, String>> {
        None
    }

    /// Takes over what the one before has saved, before its first tick; none where it takes nothing over.
    ///
    /// # Errors
    /// Why it could not, in words. It is as it was started.
    fn restore(&mut self, _saved: &[u8]) -> Option<Result<(), String>> {
        None
    }

    /// Starts it again after a fault, in a fresh store: nothing is left of what it held in memory. Returns what that cost.
    ///
    /// # Errors
    /// Why it could not be started. It may be tried again.
    fn restart(&mut self) -> Result<Usage, Fault>;
}

/// What one tick of one strategy led to.
#[derive(Debug)]
pub struct Response {
    /// The context that was handed in, with the proposals made.
    pub context: ProposalContext,
    /// What the call cost.
    pub usage: Usage,
    /// Messages the strategy logged, oldest first, bounded by the host.
    pub log: Vec<LogLine>,
    /// Why the tick failed, where it did. What was asked for in it does not count then.
    pub fault: Option<Fault>,
}

/// What a call cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Fuel burnt: about one unit a wasm instruction. The same in every run.
    pub fuel: u64,
    /// Linear memory held afterwards, bytes.
    pub memory_bytes: u64,
    /// Wall time. Never on the ledger: it differs from run to run.
    #[serde(skip)]
    pub wall: Duration,
}

/// A message that a strategy logged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// `trace`, `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// Where it comes from: `log`, `stdout`, `stderr`, or `host` for what the host has to say of the messages.
    pub context: String,
    /// The message.
    pub message: String,
}

/// Why a strategy failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(tag = "kind", content = "detail", rename_all = "kebab-case")]
pub enum Fault {
    /// It could not be loaded or started.
    #[error("{0}")]
    NotLoaded(String),
    /// It trapped: a panic, an out-of-bounds access, too deep a recursion.
    #[error("trapped: {reason}{}", quoted(.printed))]
    Trap {
        /// Why, with the message of a panic.
        reason: String,
        /// The last lines that it printed before, oldest first.
        printed: Vec<String>,
    },
    /// It burnt its fuel.
    #[error("ran out of fuel after {units} units; raise `{key}` if it needs more")]
    OutOfFuel {
        /// The fuel that it had.
        units: u64,
        /// The key of the profile that gives more.
        key: String,
    },
    /// It was still running at its deadline.
    #[error("still running after its deadline of {ms} ms; raise `{key}` if it needs more")]
    Deadline {
        /// The time that it had, milliseconds.
        ms: u64,
        /// The key of the profile that gives more.
        key: String,
    },
    /// It asked for more memory than it may have.
    #[error("asked for more memory than its limit of {bytes} bytes; raise `{key}` if it needs more")]
    OutOfMemory {
        /// The memory that it may have.
        bytes: u64,
        /// The key of the profile that gives more.
        key: String,
    },
    /// It asked for more table elements than it may have.
    #[error("asked for more table elements than its limit of {elements}; raise `{key}` if it needs more")]
    OutOfTable {
        /// The elements that it may have.
        elements: u64,
        /// The key of the profile that gives more.
        key: String,
    },
    /// It is made of more instances than it may have.
    #[error("is made of more core instances than its limit of {instances}; raise `{key}` if it needs more")]
    TooManyInstances {
        /// The instances that it may have.
        instances: u32,
        /// The key of the profile that gives more.
        key: String,
    },
    /// It answered with an error of its own.
    #[error("answered: {0}")]
    Answer(String),
}

/// The lines, each in quotes, as the end of a sentence; nothing where there are none.
fn quoted(printed: &[String]) -> String {
    if printed.is_empty() {
        return String::new();
    }
    let lines: Vec<String> = printed.iter().map(|line| format!("{line:?}")).collect();
    format!("; the last it printed: {}", lines.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_strategy_printed_stands_beside_its_trap() {
        let trap = |printed: &[&str]| {
            let printed = printed.iter().map(|line| (*line).to_owned()).collect();
            Fault::Trap { reason: "unreachable".to_owned(), printed }.to_string()
        };
        assert_eq!(trap(&[]), "trapped: unreachable");
        assert_eq!(
            trap(&["one", "a \"b\""]),
            r#"trapped: unreachable; the last it printed: "one", "a \"b\"""#
        );
    }
}
