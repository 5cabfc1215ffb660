//! The scenarios that come with the crate, by name.

use std::path::Path;

use host_contract::nearest::nearest;

use crate::error::ScenarioError;
use crate::scenario::Scenario;

/// A scenario that is part of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bundled {
    /// Its name.
    pub name: &'static str,
    /// Its file.
    pub text: &'static str,
}

impl Bundled {
    /// The scenario.
    ///
    /// # Errors
    /// None that a test does not find before it is part of the program.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Scenario::from_text(&format!("{}.toml", self.name), self.text)
    }
}

/// All of them, by name. A constant link, jitter, knees, slow link, slow and medium send, drops, defers and a rate limit are
/// the kinds of Vector's tests of its adaptive concurrency (`tests/data/adaptive-concurrency`), at rates that give a tick
/// some hundreds of requests.
pub const ALL: &[Bundled] = &[
    Bundled { name: "bursts", text: include_str!("../scenarios/bursts.toml") },
    Bundled { name: "constant-link", text: include_str!("../scenarios/constant-link.toml") },
    Bundled { name: "cpu-bound", text: include_str!("../scenarios/cpu-bound.toml") },
    Bundled { name: "daily", text: include_str!("../scenarios/daily.toml") },
    Bundled { name: "jitter-high", text: include_str!("../scenarios/jitter-high.toml") },
    Bundled { name: "jitter-low", text: include_str!("../scenarios/jitter-low.toml") },
    Bundled { name: "knee-deep", text: include_str!("../scenarios/knee-deep.toml") },
    Bundled { name: "knee-shallow", text: include_str!("../scenarios/knee-shallow.toml") },
    Bundled { name: "limit-defer", text: include_str!("../scenarios/limit-defer.toml") },
    Bundled { name: "limit-drop", text: include_str!("../scenarios/limit-drop.toml") },
    Bundled { name: "medium-send", text: include_str!("../scenarios/medium-send.toml") },
    Bundled { name: "mixed", text: include_str!("../scenarios/mixed.toml") },
    Bundled { name: "neighbour", text: include_str!("../scenarios/neighbour.toml") },
    Bundled { name: "rate-limit", text: include_str!("../scenarios/rate-limit.toml") },
    Bundled { name: "rate-wait", text: include_str!("../scenarios/rate-wait.toml") },
    Bundled { name: "sessions", text: include_str!("../scenarios/sessions.toml") },
    Bundled { name: "slow-link", text: include_str!("../scenarios/slow-link.toml") },
    Bundled { name: "slow-send-1", text: include_str!("../scenarios/slow-send-1.toml") },
    Bundled { name: "slow-send-2", text: include_str!("../scenarios/slow-send-2.toml") },
    Bundled { name: "step", text: include_str!("../scenarios/step.toml") },
    Bundled { name: "usl", text: include_str!("../scenarios/usl.toml") },
];

/// The one of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Bundled> {
    ALL.iter().find(|bundled| bundled.name == name)
}

/// The bundled scenario of this name; where there is none, the file at this path.
///
/// # Errors
/// [`ScenarioError`]: the file cannot be read, or something in it is wrong.
pub fn named_or_file(name: &str) -> Result<Scenario, ScenarioError> {
    let path = Path::new(name);
    match find(name) {
        Some(bundled) => bundled.scenario(),
        None if path.exists() => Scenario::read(path),
        None => {
            let nearest = nearest(name, ALL.iter().map(|bundled| bundled.name));
            Err(ScenarioError::Unknown { name: name.to_owned(), nearest })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_that_is_none_is_told_the_nearest() {
        let text = named_or_file("knee-shalow").unwrap_err().to_string();
        let expected =
            "knee-shalow: there is no such scenario, and no such file; did you mean \"knee-shallow\"?";
        assert_eq!(text, expected);
        let text = named_or_file("no/such.toml").unwrap_err().to_string();
        assert_eq!(text, "no/such.toml: there is no such scenario, and no such file");
        assert!(named_or_file(".").unwrap_err().to_string().starts_with(".: cannot be read: "));
    }

    #[test]
    fn the_table_has_every_file_and_each_has_its_name_and_ticks_enough() {
        let mut files: Vec<String> = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let table: Vec<String> = ALL.iter().map(|bundled| format!("{}.toml", bundled.name)).collect();
        assert_eq!(files, table);
        for bundled in ALL {
            let scenario = bundled.scenario().unwrap();
            assert_eq!(scenario.name, bundled.name);
            assert!(!scenario.summary.is_empty(), "{}", bundled.name);
            assert!(scenario.phases.iter().all(|phase| phase.ticks >= 100), "{}", bundled.name);
        }
    }
}
