//! What a server listens on, and what it lets a client take.

use std::path::PathBuf;
use std::time::Duration;

use subtle::ConstantTimeEq;

use crate::tls::TlsFiles;

/// A password. It is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// This password; none where it is empty.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Whether it is this one. The time that it takes tells nothing but the length.
    #[must_use]
    pub fn is(&self, offered: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(offered).into()
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// What a server listens on, and its limits.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address for clients of Redis, such as `127.0.0.1:6380`; none: no TCP.
    pub resp: Option<String>,
    /// Path of a socket for clients on the same machine.
    pub unix: Option<PathBuf>,
    /// Address for figures, events and values over HTTP; none: no HTTP.
    pub http: Option<String>,
    /// With these, every address speaks TLS, and the socket by its path does not.
    pub tls: Option<TlsFiles>,
    /// What clients have to give before anything else.
    pub password: Option<Password>,
    /// Threads that serve; at least 1.
    pub threads: usize,
    /// Clients at once, those of HTTP among them. A further one is told so, and turned away.
    pub clients: usize,
    /// A client that has sent nothing for so long is turned away; zero: never.
    pub idle: Duration,
    /// Bytes of one argument of a command, and of a value that is stored over HTTP.
    pub bulk: usize,
    /// Arguments of one command.
    pub arguments: usize,
    /// Bytes that may wait to be read by one client. One that lets more wait is turned away.
    pub output: usize,
    /// Commands that take longer are in the slow log; none are where there is no time.
    pub slow: Option<Duration>,
    /// Entries that the slow log keeps.
    pub slow_log: usize,
    /// Whether clients may call DEBUG.
    pub debug: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            resp: Some("127.0.0.1:6380".to_owned()),
            unix: None,
            http: None,
            tls: None,
            password: None,
            threads: 1,
            clients: 10_000,
            idle: Duration::ZERO,
            bulk: 512 << 20,
            arguments: 1 << 20,
            output: 64 << 20,
            slow: Some(Duration::from_millis(10)),
            slow_log: 128,
            debug: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_compared_and_not_printed() {
        let password = Password::new("secret").unwrap();
        assert!(
            password.is(b"secret") && !password.is(b"Secret") && !password.is(b"secre") && !password.is(b"")
        );
        assert_eq!(format!("{password:?}"), "Password(..)");
        assert_eq!(Password::new(""), None);
    }
}
