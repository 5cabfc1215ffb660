//! Errors that a client gets, in the words of Redis: clients and their tests go by them.

use std::borrow::Cow;

/// An error for the client: a code, a space, and words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure(Cow<'static, str>);

/// What a command comes to. Its reply is written by then, unless it failed.
pub(crate) type Done = Result<(), Failure>;

impl Failure {
    pub(crate) const WRONG_TYPE: Self =
        Self::fixed("WRONGTYPE Operation against a key holding the wrong kind of value");
    pub(crate) const SYNTAX: Self = Self::fixed("ERR syntax error");
    pub(crate) const NO_INTEGER: Self = Self::fixed("ERR value is not an integer or out of range");
    pub(crate) const NO_FLOAT: Self = Self::fixed("ERR value is not a valid float");
    pub(crate) const NOT_FINITE: Self = Self::fixed("ERR increment would produce NaN or Infinity");
    pub(crate) const OVERFLOW: Self = Self::fixed("ERR increment or decrement would overflow");
    pub(crate) const NO_SUCH_KEY: Self = Self::fixed("ERR no such key");
    pub(crate) const TOO_LONG: Self =
        Self::fixed("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    pub(crate) const NO_OFFSET: Self = Self::fixed("ERR offset is out of range");
    pub(crate) const NO_DATABASE: Self = Self::fixed("ERR DB index is out of range");
    pub(crate) const TOO_LARGE: Self =
        Self::fixed("OOM the value is larger than a shard of the cache can hold; raise maxmemory");
    pub(crate) const NO_PASSWORD_GIVEN: Self = Self::fixed("NOAUTH Authentication required.");

    /// An error whose words are known.
    pub(crate) const fn fixed(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// An error with words of its own.
    pub(crate) const fn new(text: String) -> Self {
        Self(Cow::Owned(text))
    }

    /// A command was called with too few or too many words.
    pub(crate) fn arity(command: &str) -> Self {
        Self::new(format!("ERR wrong number of arguments for '{command}' command"))
    }

    /// A time to live that is over already, or beyond all times.
    pub(crate) fn expire(command: &str) -> Self {
        Self::new(format!("ERR invalid expire time in '{command}' command"))
    }

    /// A container command has no such part.
    pub(crate) fn subcommand(command: &str, part: &[u8]) -> Self {
        let part: String = String::from_utf8_lossy(part).chars().take(128).collect();
        Self::new(format!("ERR unknown subcommand '{part}'. Try {} HELP.", command.to_ascii_uppercase()))
    }

    /// The words.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}
