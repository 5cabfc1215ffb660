//! Is a component sound? From its file to a call under the limits of a profile, each finding a line.
//!
//! What can be told from outside comes first (`outside`), then what a run would do with it: ticks of a strategy
//! (`strategy`), batches of an eviction policy (`policy`). A component that cannot be opened has one finding: why.

mod outside;
mod policy;
mod strategy;

use host_plugin::{LoadError, Opened, Source, Time};
use host_profile::Settings;
use host_runtime::strategies::{loader, start_limits};
use serde::Serialize;

/// What a check found. `host plugin check --json` prints this object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The profile whose grants, settings and limits were taken.
    pub profile: String,
    /// Whether nothing is wrong.
    pub sound: bool,
    /// In the order in which a host would meet them.
    pub findings: Vec<Finding>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub verdict: Verdict,
    /// What was found, and what to do where something is to be done.
    pub text: String,
}

/// What a finding means for the component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is as it should be.
    Sound,
    /// Worth knowing; a host runs the component all the same.
    Note,
    /// A host would refuse or disable the component, or leave out part of what it does.
    Wrong,
}

/// Collects findings.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn sound(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, verdict: Verdict::Sound, text: text.into() });
    }

    fn note(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, verdict: Verdict::Note, text: text.into() });
    }

    fn wrong(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, verdict: Verdict::Wrong, text: text.into() });
    }

    /// Why a component cannot be opened or started.
    fn refused(&mut self, error: &LoadError) {
        self.wrong(looked_at(error), error.to_string());
    }

    fn is_sound(&self) -> bool {
        self.0.iter().all(|finding| finding.verdict != Verdict::Wrong)
    }
}

/// Checks a component of either world against the grants, settings and limits of a profile.
///
/// # Errors
/// [`LoadError::Sandbox`]: this machine cannot run WebAssembly. What is wrong with the component is a finding.
pub fn check(source: Source<'_>, settings: &Settings) -> Result<Checked, LoadError> {
    let loader = loader(settings)?;
    let mut findings = Findings::default();
    match loader.open_any(source, &start_limits(settings, Time::Machine)) {
        Err(error @ LoadError::Sandbox(_)) => return Err(error),
        Err(error) => findings.refused(&error),
        Ok(opened) => {
            outside::look(&opened, settings, &mut findings);
            match &opened {
                Opened::Strategy(plugin) => strategy::run(plugin, settings, &mut findings),
                Opened::Policy(plugin) => policy::run(plugin, &mut findings),
            }
        }
    }
    let (profile, sound) = (settings.profile.clone(), findings.is_sound());
    Ok(Checked { profile, sound, findings: findings.0 })
}

/// What was looked at when this was found.
fn looked_at(error: &LoadError) -> &'static str {
    match error {
        LoadError::Unreadable { .. } | LoadError::Directory { .. } | LoadError::TwoOfOneName { .. } => "file",
        LoadError::TooLarge { .. } => "size",
        LoadError::CompileMemory { .. } | LoadError::CompileTime { .. } | LoadError::Compiler { .. } => {
            "compile"
        }
        LoadError::OtherWorld { .. } | LoadError::Foreign { .. } | LoadError::Mismatch { .. } => "world",
        LoadError::OtherVersion { .. } | LoadError::LaterPatch { .. } | LoadError::TwoVersions { .. } => {
            "version"
        }
        LoadError::UnknownImports { .. } | LoadError::NotGranted { .. } => "imports",
        LoadError::Start { .. } => "start",
        LoadError::BadDescription { .. } => "description",
        LoadError::UnknownSetting { .. } | LoadError::BadSetting { .. } => "settings",
        _ => "component",
    }
}

/// A count with its thousands set apart.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Bytes in megabytes, with the digits that matter for a limit.
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", host_contract::number::to_f64(bytes) / 1e6)
}

/// A time in milliseconds, with the digits that matter for a deadline.
fn milliseconds(time: std::time::Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_finding_is_enough() {
        let mut findings = Findings::default();
        findings.sound("world", "a strategy");
        findings.note("imports", "not named");
        assert!(findings.is_sound());
        findings.wrong("tick", "trapped");
        assert!(!findings.is_sound());
    }

    #[test]
    fn figures_read_well() {
        assert_eq!([thousands(7), thousands(50_000_000)], ["7", "50,000,000"]);
        assert_eq!(megabytes(1_114_112), "1.1 MB");
        assert_eq!(milliseconds(std::time::Duration::from_micros(1_234)), "1.23 ms");
    }
}
