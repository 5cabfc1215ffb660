//! Settings that are read again while a server runs.
//!
//! The files are looked at once a second, by their state in the directory and not by what the system tells of changes: that
//! holds on network file systems too, and where a link is made to lead elsewhere, as Kubernetes does it. A file that changes is
//! read once it has been the same for two looks. Settings that are wrong change nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use host_profile::Settings;
use host_runtime::{Command, Host, reloadable};
use host_server::Server;

use crate::layers::Layers;
use crate::out;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What tells that a file is another one; none where there is no file.
type Seen = Option<(u64, u64, SystemTime)>;

/// Reads the settings of a server again.
pub(super) struct Reloader {
    layers: Layers,
    settings: Settings,
    /// The files as they were read.
    files: Vec<(PathBuf, Seen)>,
    /// What was seen of them at the last look, where that is something else.
    pending: Option<Vec<Seen>>,
    looked: Instant,
}

fn look(path: &Path) -> Seen {
    let file = std::fs::metadata(path).ok()?;
    Some((file.ino(), file.len(), file.modified().ok()?))
}

impl Reloader {
    /// Of settings that were read from these layers just now.
    pub(super) fn new(layers: Layers, settings: Settings) -> Self {
        let files = settings.files.iter().map(|path| (path.clone(), look(path))).collect();
        Self { layers, settings, files, pending: None, looked: Instant::now() }
    }

    /// A file that has changed, and is not being changed any more.
    pub(super) fn changed(&mut self) -> Option<PathBuf> {
        if self.looked.elapsed() < LOOK {
            return None;
        }
        self.looked = Instant::now();
        let now: Vec<Seen> = self.files.iter().map(|(path, _)| look(path)).collect();
        let changed = self.files.iter().zip(&now).find(|((_, before), now)| before != *now);
        let changed = changed.map(|((path, _), _)| path.clone());
        let quiet = self.pending.as_ref() == Some(&now);
        self.pending = changed.is_some().then_some(now);
        changed.filter(|_| quiet)
    }

    /// Reads the settings again and puts them in force. What became of it is on the ledger, in the log and on standard error.
    pub(super) fn reload(&mut self, why: &str, host: &Host, server: &Server) {
        // Whatever comes of it, this state of the files was looked at.
        for (path, seen) in &mut self.files {
            *seen = look(path);
        }
        self.pending = None;
        match self.layers.load_with_policies(Path::new(".")) {
            Ok((settings, _)) => self.put_in_force(why, settings, host, server),
            Err(error) => {
                let text =
                    format!("{why}: the settings are not taken, and those before stand: {}", whole(&*error));
                tracing::warn!("{text}");
                out::say(&text);
                if let Err(error) = host.command_blocking(Command::Keep { reason: text }) {
                    tracing::error!(%error, "the host cannot be told");
                }
            }
        }
    }

    fn put_in_force(&mut self, why: &str, settings: Settings, host: &Host, server: &Server) {
        let (live, later) = reloadable(&self.settings, &settings);
        let (live, later) = (live.join(", "), later.join(", "));
        let mut text = match live.as_str() {
            "" => {
                format!("{why}: the settings were read again; nothing changes that can while the host runs")
            }
            live => format!("{why}: new settings are in force: {live}"),
        };
        if !later.is_empty() {
            text = format!("{text}; to be put in force by a new start: {later}");
        }
        match host.command_blocking(Command::Reload(Box::new(settings.clone()))) {
            Ok(()) => tracing::info!("{text}"),
            Err(error) => {
                text = format!("{text}; {error}");
                tracing::warn!("{text}");
            }
        }
        out::say(&text);
        settings.notes.iter().for_each(|note| out::say(&format!("note: {note}")));
        server.reloaded(settings.clone());
        // The profile may build on other files from here on.
        self.files = settings.files.iter().map(|path| (path.clone(), look(path))).collect();
        self.settings = settings;
    }
}

/// An error with what caused it, where its text does not quote that.
fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}
