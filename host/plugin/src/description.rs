//! What a strategy says of itself, checked: it is shown to people, used as a key, and decides which
//! settings a profile may give.

use std::collections::{BTreeMap, BTreeSet};

use host_contract::dial;
use semver::Version;
use serde::Serialize;

use crate::bindings::optimizer::plugin::types;
use crate::load_error::{Label, LoadError};
use crate::names;

/// Bytes of a name.
const MAX_NAME: usize = 64;

/// Bytes of a version.
const MAX_VERSION: usize = 64;

/// Bytes of a line meant for people.
const MAX_SUMMARY: usize = 256;

/// Settings of a strategy.
const MAX_SETTINGS: usize = 64;

/// Bytes of a setting's default, and of a value in a profile.
const MAX_VALUE: usize = 1 << 10;

/// How a setting's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    /// Any text.
    Text,
    /// A whole number, decimal.
    Integer,
    /// A decimal number, finite.
    Number,
    /// `true` or `false`.
    Boolean,
}

impl SettingKind {
    /// What to tell who gave something else.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Text => "text of at most 1024 bytes",
            Self::Integer => "a whole number such as `10`",
            Self::Number => "a number such as `0.5`",
            Self::Boolean => "`true` or `false`",
        }
    }

    fn accepts(self, value: &str) -> bool {
        value.len() <= MAX_VALUE
            && match self {
                Self::Text => true,
                Self::Integer => value.parse::<i64>().is_ok() || value.parse::<u64>().is_ok(),
                Self::Number => value.parse::<f64>().is_ok_and(f64::is_finite),
                Self::Boolean => matches!(value, "true" | "false"),
            }
    }
}

/// One setting that a profile may give.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// Name, kebab-case.
    pub name: String,
    /// One line: what it does, with unit and range.
    pub summary: String,
    /// How the text is read.
    pub kind: SettingKind,
    /// The value used where the profile gives none.
    pub default: String,
}

/// What a strategy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Description {
    /// Name, kebab-case, 1 to 64 characters.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// One line: what it does.
    pub summary: String,
    /// Names of the dials it means to use, in the order in which it names them, each once.
    pub dials: Vec<String>,
    /// The settings it reads.
    pub settings: Vec<Setting>,
}

impl Description {
    pub(crate) fn check(raw: types::Description, component: &Label) -> Result<Self, LoadError> {
        Self::read(raw).map_err(|reason| LoadError::BadDescription { component: component.clone(), reason })
    }

    fn read(raw: types::Description) -> Result<Self, String> {
        let name = name("name", raw.name)?;
        if raw.version.len() > MAX_VERSION || Version::parse(&raw.version).is_err() {
            let shown = names::tame(&raw.version, MAX_VERSION);
            return Err(format!("version `{shown}` is not one of semantic versioning, such as `1.0.0`"));
        }
        let summary = line("summary", raw.summary, MAX_SUMMARY)?;
        let mut dials: Vec<String> = Vec::new();
        for dial in raw.controls.into_iter().flat_map(dials_of) {
            if !dials.iter().any(|known| known == dial.name()) {
                dials.push(dial.name().to_owned());
            }
        }
        if raw.settings.len() > MAX_SETTINGS {
            return Err(format!("{} settings, at most {MAX_SETTINGS} are read", raw.settings.len()));
        }
        let settings = raw.settings.into_iter().map(setting).collect::<Result<Vec<_>, _>>()?;
        let mut seen = BTreeSet::new();
        if let Some(twice) = settings.iter().find(|setting| !seen.insert(setting.name.as_str())) {
            return Err(format!("setting `{}` is declared twice", twice.name));
        }
        Ok(Self { name, version: raw.version, summary, dials, settings })
    }

    /// Refuses settings that are not declared, and values that are not of their kind.
    pub(crate) fn check_settings(
        &self,
        given: &BTreeMap<String, String>,
        component: &Label,
    ) -> Result<(), LoadError> {
        for (name, value) in given {
            let Some(setting) = self.settings.iter().find(|setting| setting.name == *name) else {
                return Err(LoadError::UnknownSetting {
                    component: component.clone(),
                    strategy: self.name.clone(),
                    setting: names::tame(name, MAX_NAME),
                    known: self.settings.iter().map(|setting| setting.name.clone()).collect(),
                });
            };
            if !setting.kind.accepts(value) {
                return Err(LoadError::BadSetting {
                    component: component.clone(),
                    strategy: self.name.clone(),
                    setting: name.clone(),
                    value: names::tame(value, MAX_NAME),
                    kind: setting.kind,
                });
            }
        }
        Ok(())
    }
}

fn name(what: &str, text: String) -> Result<String, String> {
    match names::fault(&text, MAX_NAME) {
        None => Ok(text),
        Some(fault) => {
            let shown = names::tame(&text, MAX_NAME);
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

fn setting(raw: types::Setting) -> Result<Setting, String> {
    let name = name("the name of setting", raw.name)?;
    let kind = SettingKind::from(raw.kind);
    let summary = line(&format!("the summary of setting `{name}`"), raw.summary, MAX_SUMMARY)?;
    let default = line(&format!("the default of setting `{name}`"), raw.default, MAX_VALUE)?;
    if !kind.accepts(&default) {
        let shown = names::tame(&default, MAX_NAME);
        return Err(format!("the default of setting `{name}` is `{shown}`, expected {}", kind.expected()));
    }
    Ok(Setting { name, summary, kind, default })
}

impl From<types::SettingKind> for SettingKind {
    fn from(kind: types::SettingKind) -> Self {
        match kind {
            types::SettingKind::Text => Self::Text,
            types::SettingKind::Integer => Self::Integer,
            types::SettingKind::Number => Self::Number,
            types::SettingKind::Boolean => Self::Boolean,
        }
    }
}

/// The dials of a control as the contract groups them. Rules are no dial.
fn dials_of(control: types::Control) -> &'static [dial::Dial] {
    match control {
        types::Control::CachePolicy => &[dial::CACHE_POLICY],
        types::Control::CacheCapacity => &[dial::CACHE_CAPACITY],
        types::Control::CpuWorkers => &[dial::CPU_WORKERS],
        types::Control::IoWorkers => &[dial::IO_WORKERS],
        types::Control::PrefetchRules => &[],
        types::Control::PrefetchBudget => &[dial::PREFETCH_IN_FLIGHT, dial::PREFETCH_SHARE],
    }
}

#[cfg(test)]
mod tests;
