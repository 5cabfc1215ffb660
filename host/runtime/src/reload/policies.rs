//! Eviction policies in the plugin directory.
//!
//! A new or changed one is read, compiled and tried beside the one that the cache follows. The cache changes over between two
//! ticks, as it does to any other policy: entries stay, and their order is handed over. A file that nobody has named before
//! becomes a policy that can be set, proposed and followed by a shadow.

use std::path::Path;
use std::sync::Arc;

use host_plugin::{Digest, LoadError, Source, bundled_policy, full_name, probe_policy};

use super::Reloader;
use crate::command::Command;
use crate::strategies;

impl Reloader {
    /// The name of a file that is an eviction policy at the start.
    pub(super) fn learn_policy(&mut self, path: &Path) {
        let limits = strategies::policy_limits(&self.settings);
        // What was opened for the run has been described.
        match self.loader.inspect(Source::File(path), &limits) {
            Ok(known) => drop(self.policies.insert(path.to_owned(), full_name(&known.description.name))),
            Err(LoadError::Untrusted(_)) => drop(self.untrusted.insert(path.to_owned())),
            Err(_) => {}
        }
    }

    /// A file is new, or another one, and is an eviction policy now.
    pub(super) fn policy_changed(&mut self, path: &Path, digest: &Digest) {
        let file = path.display();
        let before = self.policies.get(path).cloned();
        let goes_on = match before.as_ref().or_else(|| self.running.get(path)) {
            Some(name) => format!("{name} goes on as it was"),
            None => "nothing changes".to_owned(),
        };
        let limits = strategies::policy_limits(&self.settings);
        let plugin = match self.loader.open_policy(Source::File(path), &limits) {
            Ok(plugin) => plugin,
            Err(error) => {
                if matches!(error, LoadError::Untrusted(_)) {
                    self.untrusted.insert(path.to_owned());
                }
                return self.keep(format!("{file} is not taken, and {goes_on}: {error}"));
            }
        };
        let name = full_name(plugin.name());
        let mut others = self.policies.iter().filter(|(other, _)| other.as_path() != path);
        if let Some((other, _)) = others.find(|(_, of)| **of == name) {
            let other = other.display();
            self.keep(format!(
                "{file} is not taken, and {goes_on}: {other} is called `{name}` as well, and goes on until it is removed"
            ));
            self.waiting.insert(path.to_owned());
            return;
        }
        let policy = Arc::new(plugin).factory(name.clone());
        if let Err(reason) = probe_policy(&policy) {
            return self
                .keep(format!("{file} is not taken, and {goes_on}: it failed when it was tried: {reason}"));
        }
        let from = format!("{file} ({})", digest.short());
        if let Err(error) = self.ask(Command::ReplacePolicy { with: policy, from: from.clone() }) {
            return self.keep(format!("{file} is not taken, and {goes_on}: {error}"));
        }
        self.note(match &before {
            Some(before) if *before == name => format!("{name} is {from} since it changed"),
            _ => format!("{name} can be set since {from} was put there"),
        });
        self.policies.insert(path.to_owned(), name.clone());
        // The file was another policy before, or a strategy.
        if let Some(before) = before.filter(|before| *before != name) {
            self.policy_gone(path, &before);
        }
        if let Some(strategy) = self.running.remove(path) {
            self.gone(path, &strategy);
        }
    }

    /// The file of a policy is there no more.
    pub(super) fn policy_gone(&self, path: &Path, name: &str) {
        let file = path.display();
        let limits = strategies::policy_limits(&self.settings);
        let bundled = bundled_policy(name, strategies::loader_config(&self.settings), limits);
        let then = match bundled {
            Some(_) => format!("{name} is the bundled one again since {file} was removed"),
            None => format!("{name} was retired: {file} was removed"),
        };
        let reason = format!("{file} was removed");
        if self.tell(Command::RemovePolicy { policy: name.to_owned(), bundled, reason }) {
            self.note(then);
        }
    }
}
