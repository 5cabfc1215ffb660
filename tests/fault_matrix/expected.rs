//! A row of the matrix: a component, and what the host says of it.

use super::bytes::{Content, strategy};

/// What becomes of a component, which decides where it ends in each column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A strategy that starts, and fails in its ticks.
    Fails,
    /// A strategy of which the host takes no more than it allows.
    Bounded,
    /// A strategy that cannot be started.
    Broken,
    /// A strategy that is not the one that the profile names.
    Nobody,
    /// An eviction policy that fails.
    Policy,
}

impl Kind {
    /// Where it ends, in `host sim`, in `host run` and after a hot reload.
    pub(crate) fn ends(self) -> [&'static str; 3] {
        match self {
            Self::Fails => {
                ["quarantined after 6 restarts", "started again after rests", "started again after rests"]
            }
            Self::Bounded => ["goes on, bounded", "goes on, bounded", "goes on, bounded"],
            Self::Broken => ["kept out", "kept out", "the one before goes on"],
            Self::Nobody => ["refused, exit 2", "refused, exit 2", "the one before goes on"],
            Self::Policy => ["ends, exit 1", "replaced by the fallback", "the policies go on"],
        }
    }
}

/// A row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// What is wrong.
    pub(crate) fault: &'static str,
    /// The strategy that the profile names.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) content: Content,
    /// What the profile grants.
    pub(crate) grants: &'static str,
    /// Further settings, below the strategy's own table.
    pub(crate) more: &'static [&'static str],
    /// Further settings of the host.
    pub(crate) host: &'static [&'static str],
    /// What the host says, with `...` for anything.
    pub(crate) text: &'static str,
    /// What it says after a hot reload, where that is something else.
    pub(crate) reloaded: Option<&'static str>,
}

impl Row {
    /// A strategy.
    pub(crate) const fn new(
        fault: &'static str,
        name: &'static str,
        kind: Kind,
        content: Content,
        text: &'static str,
    ) -> Self {
        Self {
            fault,
            name,
            kind,
            content,
            grants: "\"settings\"",
            more: &[],
            host: &[],
            text,
            reloaded: None,
        }
    }

    pub(crate) const fn granted(self, grants: &'static str) -> Self {
        Self { grants, ..self }
    }

    pub(crate) const fn set(self, more: &'static [&'static str]) -> Self {
        Self { more, ..self }
    }

    pub(crate) const fn of_host(self, host: &'static [&'static str]) -> Self {
        Self { host, ..self }
    }

    pub(crate) const fn reloaded(self, text: &'static str) -> Self {
        Self { reloaded: Some(text), ..self }
    }

    /// The settings of a run with it.
    pub(crate) fn sets(&self) -> Vec<String> {
        let Self { name, grants, more, host, .. } = self;
        if self.kind == Kind::Policy {
            // Nobody puts another policy in its place before it fails.
            return ["cache.policy=plugin:bad-policy", "strategies.cache-policy.enabled=false"]
                .map(|key| format!("--set={key}"))
                .to_vec();
        }
        let mut sets = vec![
            format!("--set=strategies.{name}.grants=[{grants}]"),
            // A slow machine is no reason to be stopped: what the rows are about stops them.
            format!("--set=strategies.{name}.limits.deadline=30s"),
            // The judge would have one rest that proposes for ever.
            "--set=control.judge=false".to_owned(),
        ];
        if let Content::Changed = self.content {
            let accepted = host_plugin::Sha256::of(&strategy(name, ""));
            sets.push(format!("--set=strategies.{name}.sha256={accepted}"));
        }
        sets.extend(more.iter().map(|key| format!("--set=strategies.{name}.{key}")));
        sets.extend(host.iter().map(|key| format!("--set={key}")));
        sets
    }

    /// What the host says after a hot reload.
    pub(crate) fn text_reloaded(&self) -> String {
        match (self.reloaded, self.kind) {
            (Some(text), _) => text.to_owned(),
            (None, Kind::Broken) => {
                format!("{0}.wasm is not taken, and {0} goes on as it was: {1}", self.name, self.text)
            }
            (None, Kind::Policy) => format!(
                "{}.wasm is not taken, and nothing changes: it failed when it was tried: {}",
                self.name, self.text
            ),
            (None, _) => self.text.to_owned(),
        }
    }
}
