//! What a strategy says of itself, written as a chain.

use crate::bindings::optimizer::plugin::types;

/// Name, version, purpose and controls of a strategy.
#[derive(Debug, Clone)]
pub struct Description {
    name: &'static str,
    version: &'static str,
    summary: &'static str,
    controls: Vec<types::Control>,
}

impl Description {
    /// `name` is kebab-case, 1 to 64 characters, and is what profiles and the ledger call the
    /// strategy; `version` is as in semantic versioning (`env!("CARGO_PKG_VERSION")`);
    /// `summary` is one line.
    #[must_use]
    pub fn new(name: &'static str, version: &'static str, summary: &'static str) -> Self {
        Self { name, version, summary, controls: Vec::new() }
    }

    /// The controls it means to use. A proposal for any other is refused, and so is one for a
    /// control that the profile does not grant.
    #[must_use]
    pub fn controls(mut self, controls: &[types::Control]) -> Self {
        self.controls = controls.to_vec();
        self
    }

    /// The answer to `describe`, with the settings that the strategy's settings type declares.
    pub(crate) fn with_settings(self, settings: Vec<types::Setting>) -> types::Description {
        types::Description {
            name: self.name.to_owned(),
            version: self.version.to_owned(),
            summary: self.summary.to_owned(),
            controls: self.controls,
            settings,
        }
    }
}
