//! What a strategy says of itself, checked: it is shown to people, used as a key, and decides which dials it may turn
//! and which settings a profile may give.

mod setting;

use std::collections::{BTreeMap, BTreeSet};

use host_contract::Dials;
use semver::Version;
use serde::{Deserialize, Serialize};

pub use setting::{Setting, SettingKind};

use crate::load_error::{Label, LoadError};
use crate::names;

/// Bytes of a name.
pub(crate) const MAX_NAME: usize = 64;

/// Bytes of a version.
const MAX_VERSION: usize = 64;

/// Bytes of a line meant for people.
const MAX_SUMMARY: usize = 256;

/// Settings of a strategy.
const MAX_SETTINGS: usize = 64;

/// Dials that a strategy names.
const MAX_DIALS: usize = 64;

/// What a strategy says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Name, kebab-case, 1 to 64 characters.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One line: what it does.
    pub summary: String,
    /// Names of the dials it means to turn, in its own order, each once. A component of a later host may name some that
    /// this one does not have.
    pub dials: Vec<String>,
    /// The settings it reads.
    pub settings: Vec<Setting>,
}

impl Description {
    /// The description of a component, checked. `raw` is as it was said.
    pub(crate) fn check(raw: Self, component: &Label) -> Result<Self, LoadError> {
        Self::read(raw).map_err(|reason| LoadError::BadDescription { component: component.clone(), reason })
    }

    fn read(raw: Self) -> Result<Self, String> {
        let name = name("name", raw.name)?;
        if raw.version.len() > MAX_VERSION || Version::parse(&raw.version).is_err() {
            let shown = names::sanitize(&raw.version, MAX_VERSION);
            return Err(format!("version `{shown}` is not one of semantic versioning, such as `1.0.0`"));
        }
        let summary = line("summary", raw.summary, MAX_SUMMARY)?;
        if raw.dials.len() > MAX_DIALS {
            return Err(format!("{} dials, at most {MAX_DIALS} are read", raw.dials.len()));
        }
        let mut dials: Vec<String> = Vec::new();
        for dial in raw.dials {
            let dial = self::name("the name of dial", dial)?;
            if !dials.contains(&dial) {
                dials.push(dial);
            }
        }
        if raw.settings.len() > MAX_SETTINGS {
            return Err(format!("{} settings, at most {MAX_SETTINGS} are read", raw.settings.len()));
        }
        let settings = raw.settings.into_iter().map(Setting::read).collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = settings.iter().find(|setting| !seen.insert(setting.name.as_str())) {
            return Err(format!("setting `{}` is declared twice", twice.name));
        }
        Ok(Self { name, version: raw.version, summary, dials, settings })
    }

    /// The dials that it names and this host does not have.
    pub fn unknown_dials<'a>(&'a self, dials: &'a Dials) -> impl Iterator<Item = &'a str> {
        self.dials.iter().map(String::as_str).filter(|name| dials.find(name).is_none())
    }

    /// The settings of a profile under the names that are declared: `_` and `-` are one.
    ///
    /// # Errors
    /// A setting that is not declared, or given in two spellings, and a value that does not fit.
    pub(crate) fn check_settings(
        &self,
        given: &BTreeMap<String, String>,
        component: &Label,
    ) -> Result<BTreeMap<String, String>, LoadError> {
        let mut checked = BTreeMap::new();
        for (name, value) in given {
            let folded = name.replace('_', "-");
            let Some(setting) = self.settings.iter().find(|setting| setting.name == folded) else {
                return Err(LoadError::UnknownSetting {
                    component: component.clone(),
                    strategy: self.name.clone(),
                    setting: names::sanitize(name, MAX_NAME),
                    known: self.settings.iter().map(|setting| setting.name.clone()).collect(),
                });
            };
            let twice = checked.contains_key(&setting.name);
            if twice || !setting.accepts(value) {
                let once = "one spelling: `_` and `-` are one in a name";
                return Err(LoadError::BadSetting {
                    component: component.clone(),
                    strategy: self.name.clone(),
                    setting: names::sanitize(name, MAX_NAME),
                    value: names::sanitize(value, MAX_NAME).into(),
                    expected: if twice { once.into() } else { setting.expected().into() },
                });
            }
            checked.insert(setting.name.clone(), value.clone());
        }
        Ok(checked)
    }
}

fn name(what: &str, text: String) -> Result<String, String> {
    match names::fault(&text, MAX_NAME) {
        None => Ok(text),
        Some(fault) => {
            let shown = names::sanitize(&text, MAX_NAME);
            Err(format!("{what} `{shown}` {fault}; a name is for example `cache-policy` or `tuner-2`"))
        }
    }
}

fn line(what: &str, text: String, max: usize) -> Result<String, String> {
    if text.len() > max {
        return Err(format!("{what} has {} bytes, at most {max} are read", text.len()));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} holds a line end or another control character"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
