//! A setting that a strategy declares, and whether a value of a profile fits it.

use serde::{Deserialize, Serialize};

use super::{MAX_SUMMARY, line, name};
use crate::names;

/// Bytes of a setting's default, of a choice, and of a value in a profile.
const MAX_VALUE: usize = 1 << 10;

/// Choices of a setting.
const MAX_CHOICES: usize = 64;

/// Bytes of a value that are shown.
const MAX_SHOWN: usize = 64;

/// How a setting's text is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SettingKind {
    /// Any text, or one of the choices.
    Text,
    /// A whole number, decimal.
    Integer,
    /// A decimal number, finite.
    Number,
    /// `true` or `false`.
    Boolean,
}

/// One setting that a profile may give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Name: words joined by hyphens.
    pub name: String,
    /// One line: what it does, with unit.
    pub summary: String,
    /// How the text is read.
    pub kind: SettingKind,
    /// The value used where the profile gives none.
    pub default: String,
    /// The least number allowed; none where there is no lower limit.
    pub minimum: Option<f64>,
    /// The largest number allowed; none where there is no upper limit.
    pub maximum: Option<f64>,
    /// The texts allowed; empty: any.
    pub choices: Vec<String>,
}

impl Setting {
    /// A setting, checked. `raw` is as it was said.
    pub(super) fn read(raw: Self) -> Result<Self, String> {
        let name = name("the name of setting", raw.name)?;
        let summary = line(&format!("the summary of setting `{name}`"), raw.summary, MAX_SUMMARY)?;
        let default = line(&format!("the default of setting `{name}`"), raw.default, MAX_VALUE)?;
        if raw.choices.len() > MAX_CHOICES {
            return Err(format!(
                "setting `{name}` has {} choices, at most {MAX_CHOICES} are read",
                raw.choices.len()
            ));
        }
        let choice = |text| line(&format!("a choice of setting `{name}`"), text, MAX_VALUE);
        let choices = raw.choices.into_iter().map(choice).collect::<Result<_, _>>()?;
        let Self { kind, minimum, maximum, .. } = raw;
        if [minimum, maximum].into_iter().flatten().any(|bound| !bound.is_finite()) {
            return Err(format!("a limit of setting `{name}` is not a finite number"));
        }
        let setting = Self { name, summary, kind, default, minimum, maximum, choices };
        if !setting.accepts(&setting.default) {
            let (name, shown) = (&setting.name, names::sanitize(&setting.default, MAX_SHOWN));
            return Err(format!(
                "the default of setting `{name}` is `{shown}`, expected {}",
                setting.expected()
            ));
        }
        Ok(setting)
    }

    /// Whether a profile may give this text.
    pub(super) fn accepts(&self, value: &str) -> bool {
        let in_range = |number: f64| {
            self.minimum.is_none_or(|least| number >= least) && self.maximum.is_none_or(|most| number <= most)
        };
        value.len() <= MAX_VALUE
            && match self.kind {
                SettingKind::Text => {
                    self.choices.is_empty() || self.choices.iter().any(|choice| choice == value)
                }
                SettingKind::Integer => {
                    let whole = value.parse::<i64>().is_ok() || value.parse::<u64>().is_ok();
                    whole && value.parse().is_ok_and(in_range)
                }
                SettingKind::Number => {
                    value.parse().is_ok_and(|number: f64| number.is_finite() && in_range(number))
                }
                SettingKind::Boolean => matches!(value, "true" | "false"),
            }
    }

    /// What to tell who gave something else.
    pub(super) fn expected(&self) -> String {
        let what = match self.kind {
            SettingKind::Text if self.choices.is_empty() => return "text of at most 1024 bytes".to_owned(),
            SettingKind::Text => return format!("one of {}", names::list(&self.choices)),
            SettingKind::Boolean => return "`true` or `false`".to_owned(),
            SettingKind::Integer => "a whole number",
            SettingKind::Number => "a number",
        };
        match self.range() {
            Some(range) => format!("{what} {range}"),
            None => {
                format!("{what} such as `{}`", if self.kind == SettingKind::Integer { "10" } else { "0.5" })
            }
        }
    }

    /// The numbers allowed, in words: `from 1 to 10`. None where there is no limit.
    #[must_use]
    pub fn range(&self) -> Option<String> {
        match (self.minimum, self.maximum) {
            (None, None) => None,
            (Some(least), None) => Some(format!("from {least}")),
            (None, Some(most)) => Some(format!("up to {most}")),
            (Some(least), Some(most)) => Some(format!("from {least} to {most}")),
        }
    }
}
