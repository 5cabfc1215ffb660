//! The log: what the libraries report about their work, on standard error. Off unless `--log` or `HOST_LOG` is given.
//!
//! The libraries emit `tracing` events and spans; this is the one place that listens. It is not the ledger: the ledger
//! holds decisions and is the same for the same run, the log is for finding out what a process does at present.

use std::io;

use clap::{Args, ValueEnum};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::out;

/// The variable that holds a filter where `--log` is not given.
pub(crate) const VARIABLE: &str = "HOST_LOG";

/// What is logged, and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Log")]
pub(crate) struct Log {
    /// Log to standard error: a level (error, warn, info, debug, trace), or levels by crate
    /// (warn,host_plugin=debug). HOST_LOG does the same. Silent by default.
    #[arg(long, value_name = "LEVEL|FILTER", global = true)]
    log: Option<String>,

    /// How a line of the log is written.
    #[arg(long, value_name = "FORMAT", global = true, default_value = "text")]
    log_format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    /// Time, level, crate, message and fields.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why nothing can be logged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogError {
    #[error(
        "{place}: {filter:?} is not a filter: {reason}; give a level (error, warn, info, debug, trace) or levels by \
         crate, such as warn,host_plugin=debug"
    )]
    Unreadable { place: &'static str, filter: String, reason: String },
    #[error("environment {VARIABLE}: its value is not UTF-8; unset it or set it again")]
    NotText,
    #[error(transparent)]
    Listening(#[from] TryInitError),
}

impl Log {
    /// Logs the events of this process from here on, where a filter is given.
    pub(crate) fn install(&self) -> Result<(), LogError> {
        let Some(filter) = self.filter()? else { return Ok(()) };
        // A closed standard error must not end the work that is logged.
        let layer = fmt::layer().with_writer(Lines).with_ansi(false).log_internal_errors(false);
        match self.log_format {
            Format::Text => tracing_subscriber::registry().with(layer.with_filter(filter)).try_init()?,
            Format::Json => {
                tracing_subscriber::registry().with(layer.json().with_filter(filter)).try_init()?
            }
        }
        tracing::info!(version = env!("CARGO_PKG_VERSION"), pid = std::process::id(), "the log begins");
        Ok(())
    }

    fn filter(&self) -> Result<Option<Targets>, LogError> {
        let (place, filter) = match (&self.log, std::env::var_os(VARIABLE)) {
            (Some(filter), _) => ("flag --log", filter.clone()),
            (None, Some(value)) => {
                ("environment HOST_LOG", value.into_string().map_err(|_| LogError::NotText)?)
            }
            (None, None) => return Ok(None),
        };
        if filter.trim().is_empty() {
            return Ok(None);
        }
        match parse(&filter) {
            Ok(targets) => Ok(Some(targets)),
            Err(reason) => Err(LogError::Unreadable { place, filter, reason }),
        }
    }
}

/// Reads a filter. A name without a level is refused: it would be read as a crate, and is far more often a level that
/// was mistyped.
fn parse(filter: &str) -> Result<Targets, String> {
    let alone = filter.split(',').map(str::trim).filter(|part| !part.contains('='));
    if let Some(name) = alone.into_iter().find(|part| part.parse::<LevelFilter>().is_err()) {
        return Err(format!("{name:?} is not a level"));
    }
    filter.parse().map_err(|error: tracing_subscriber::filter::ParseError| error.to_string())
}

/// Writes each event as one line, whatever a message holds.
struct Lines;

impl io::Write for Lines {
    /// An event comes whole, with the end of its line.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        out::say(String::from_utf8_lossy(event).trim_end_matches('\n'));
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}
