//! What a strategy says of itself, written as a chain.

use crate::bindings::optimizer::plugin::types;

/// Name, version, purpose and dials of a strategy.
#[derive(Debug, Clone)]
pub struct Description {
    name: &'static str,
    version: &'static str,
    summary: &'static str,
    dials: Vec<&'static str>,
}

impl Description {
    /// `name` is lower-case words and digits joined by hyphens, 1 to 64 characters, and is what profiles and the ledger
    /// call the strategy; `version` is as in semantic versioning (`env!("CARGO_PKG_VERSION")`); `summary` is one line.
    #[must_use]
    pub fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self { name, version, summary, dials: Vec::new() }
    }

    /// The dials it means to turn, by name ([`crate::dial`]). The host refuses a proposal for any other. Prefetch rules
    /// are no dial and need not be named.
    #[must_use]
    pub fn dials(mut self, dials: &[&'static str]) -> Self {
        self.dials = dials.to_vec();
        self
    }

    /// The answer to `describe`, with the settings that the strategy's settings type declares.
    pub(crate) fn with_settings(self, settings: Vec<types::Setting>) -> types::Description {
        types::Description {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            summary: self.summary.to_owned(),
            dials: self.dials.into_iter().map(str::to_owned).collect(),
            settings,
        }
    }
}
