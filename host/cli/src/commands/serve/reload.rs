//! Settings and certificates that are read again while a server runs.
//!
//! The files are looked at once a second, by their state in the directory and not by what the system tells of changes: that
//! holds on network file systems too, and where a link is made to lead elsewhere, as Kubernetes does it. A file that changes is
//! read once it has been the same for two looks. What is wrong changes nothing.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use host_profile::Settings;
use host_runtime::{Command, Host, for_clients, reloadable};
use host_server::Server;

use crate::layers::Layers;
use crate::out;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What tells that a file is another one; none where there is no file.
type Seen = Option<(u64, u64, SystemTime)>;

fn look(path: &Path) -> Seen {
    let file = std::fs::metadata(path).ok()?;
    Some((file.ino(), file.len(), file.modified().ok()?))
}

/// Files that belong together.
struct Files {
    /// As they were read.
    known: Vec<(PathBuf, Seen)>,
    /// What was seen of them at the last look, where that is something else.
    pending: Option<Vec<Seen>>,
}

impl Files {
    /// These, which were read just now.
    fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let known = paths.into_iter().map(|path| {
            let seen = look(&path);
            (path, seen)
        });
        Self { known: known.collect(), pending: None }
    }

    /// One that has changed, where none is being changed any more.
    fn changed(&mut self) -> Option<PathBuf> {
        let now: Vec<Seen> = self.known.iter().map(|(path, _)| look(path)).collect();
        let changed = self.known.iter().zip(&now).find(|((_, before), now)| before != *now);
        let changed = changed.map(|((path, _), _)| path.clone());
        let quiet = self.pending.as_ref() == Some(&now);
        self.pending = changed.is_some().then_some(now);
        changed.filter(|_| quiet)
    }

    /// They are read as they are now. Whatever comes of it, this state of them was looked at.
    fn are_read(&mut self) {
        for (path, seen) in &mut self.known {
            *seen = look(path);
        }
        self.pending = None;
    }
}

/// Reads the settings of a server again, and its certificates.
pub(super) struct Reloader {
    layers: Layers,
    settings: Settings,
    files: Files,
    certificates: Files,
    looked: Instant,
}

impl Reloader {
    /// Of settings that were read from these layers just now, and certificates from these files.
    pub(super) fn new(layers: Layers, settings: Settings, certificates: Vec<PathBuf>) -> Self {
        let files = Files::new(settings.files.iter().cloned());
        Self { layers, settings, files, certificates: Files::new(certificates), looked: Instant::now() }
    }

    /// Whether it is time to look at the files.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.looked.elapsed() >= LOOK;
        if due {
            self.looked = Instant::now();
        }
        due
    }

    /// A file of the settings that has changed, and is not being changed any more.
    pub(super) fn changed(&mut self) -> Option<PathBuf> {
        self.files.changed()
    }

    /// The same of the certificates.
    pub(super) fn changed_certificate(&mut self) -> Option<PathBuf> {
        self.certificates.changed()
    }

    /// Reads the certificates again, for the connections to come. What is wrong with them is on the ledger, in the log and on
    /// standard error.
    pub(super) fn reload_certificates(&mut self, why: &str, host: &Host, server: &Server) {
        self.certificates.are_read();
        match server.reload_certificates() {
            Ok(false) => {}
            Ok(true) => {
                let text = format!("{why}: the certificates were read again, for the connections to come");
                tracing::info!("{text}");
                out::say(&text);
            }
            Err(error) => {
                refuse(
                    &format!("{why}: the certificates are not taken, and those before stand: {error}"),
                    host,
                );
            }
        }
    }

    /// Reads the settings again and puts them in force. What became of it is on the ledger, in the log and on standard error.
    pub(super) fn reload(&mut self, why: &str, host: &Host, server: &Server) {
        self.files.are_read();
        match self.layers.load_with_policies(Path::new(".")) {
            Ok((settings, _)) => self.put_in_force(why, settings, host, server),
            Err(error) => {
                let error = whole(&*error);
                refuse(&format!("{why}: the settings are not taken, and those before stand: {error}"), host);
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
        match host.command_blocking(Command::Reload(Box::new(for_clients(&settings)))) {
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
        self.files = Files::new(settings.files.iter().cloned());
        self.settings = settings;
    }
}

/// Says that what was read is not taken.
fn refuse(text: &str, host: &Host) {
    tracing::warn!("{text}");
    out::say(text);
    if let Err(error) = host.command_blocking(Command::Keep { reason: text.to_owned() }) {
        tracing::error!(%error, "the host cannot be told");
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
