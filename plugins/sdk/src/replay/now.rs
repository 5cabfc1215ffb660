//! The tick that is under way on this thread: what it shows, what can be proposed, and what was asked for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::shown::{Shown, field};
use super::{About, Asked};
use crate::bindings::optimizer::plugin::log::Level;
use crate::bindings::optimizer::plugin::types::{Acceptance, ControlError};

/// What the reason for changing rules is kept under.
pub(super) const RULES: &str = "rules";

/// Keys that a stream or a run may stay ahead.
const MAX_DEPTH: u32 = 64;

/// Targets that a rule may have.
const MAX_TARGETS: usize = 16;

/// The requests that a tick shows.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests {
    pub(super) kept: u64,
    pub(super) keys: Vec<u64>,
    pub(super) sizes: Vec<u32>,
    pub(super) hits: Vec<u8>,
}

/// What there is to call in a tick.
#[derive(Debug)]
pub(super) struct Now {
    pub(super) shown: Shown,
    pub(super) about: About,
    pub(super) history: BTreeMap<String, Vec<f64>>,
    pub(super) requests: Requests,
    /// The last record `offer` that says what the dials stand at.
    pub(super) offer: Json,
    /// Ticks for which the judge keeps dials from strategies, by their names.
    pub(super) withheld: Json,
    /// The strategy's name, and the dials that it declares.
    pub(super) name: String,
    pub(super) declared: Vec<String>,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) state: BTreeMap<String, Vec<u8>>,
    pub(super) rules: BTreeSet<u32>,
    pub(super) asked: Vec<Asked>,
    /// The last reason for each dial, and for the rules.
    pub(super) reasons: BTreeMap<String, String>,
    pub(super) log: Vec<(Level, String)>,
}

thread_local! {
    static NOW: RefCell<Option<Now>> = const { RefCell::new(None) };
}

/// Begins a tick, or ends it where there is none.
pub(super) fn set(now: Option<Now>) -> Option<Now> {
    NOW.with_borrow_mut(|place| std::mem::replace(place, now))
}

/// Asks the tick that is under way.
#[expect(
    clippy::panic,
    reason = "the host cannot be called outside of a tick, and a test that does so has to fail"
)]
pub(super) fn with<T>(ask: impl FnOnce(&mut Now) -> T) -> T {
    NOW.with_borrow_mut(|now| match now {
        Some(now) => ask(now),
        None => {
            panic!("the host was called outside of a tick: natively it answers within `Replay::run` alone")
        }
    })
}

impl Now {
    /// What the ledger says of a dial that has something behind it.
    pub(super) fn dial(&self, name: &str) -> Option<&Json> {
        self.offer.get("dials")?.get(name)
    }

    /// The least and the largest value of a dial that is a number.
    pub(super) fn bounds(&self, name: &str) -> Option<(f64, f64)> {
        let [least, most] = self.dial(name)?.get("range")?.as_array()?.as_slice() else { return None };
        Some((least.as_f64()?, most.as_f64()?))
    }

    /// The names that a dial takes which is a choice.
    pub(super) fn choices(&self, name: &str) -> Vec<String> {
        let names = || field::<Vec<String>>(self.dial(name)?, "range").ok();
        names().unwrap_or_default()
    }

    /// The first tick in which a dial is not cooling down, for this strategy.
    pub(super) fn free_from(&self, name: &str) -> Option<u64> {
        let for_all = self.dial(name)?.get("free_from_tick").and_then(Json::as_u64);
        let withheld = || self.withheld.get(&self.name)?.get(name)?.as_u64();
        let own = withheld().map(|ticks| self.shown.tick.saturating_add(ticks));
        Some(for_all.max(own).unwrap_or(self.shown.tick).max(self.shown.tick))
    }

    fn may_turn(&self, dial: &str) -> Result<(), ControlError> {
        if !self.declared.iter().any(|name| name == dial) {
            return Err(ControlError::NotDeclared);
        }
        match self.free_from(dial) {
            None => Err(ControlError::Unavailable),
            Some(free) if free > self.shown.tick => Err(ControlError::CoolingDown(free)),
            Some(_) => Ok(()),
        }
    }

    fn keep(
        &mut self,
        what: String,
        value: String,
        answer: Result<Acceptance, ControlError>,
    ) -> Result<Acceptance, ControlError> {
        self.asked.push(Asked { what, value, answer: answer.clone(), reason: None });
        answer
    }

    /// Takes a proposal for a dial that is a choice.
    pub(super) fn propose_name(&mut self, dial: &str, name: String) -> Result<Acceptance, ControlError> {
        let known = self.choices(dial);
        // With parameters: whether a policy takes them is not known here.
        let bare = name.split('(').next().unwrap_or_default().trim();
        let answer = self.may_turn(dial).and_then(|()| match known.iter().any(|one| one == bare) {
            true => Ok(Acceptance::Accepted),
            false => Err(ControlError::Unknown(known)),
        });
        self.keep(dial.to_owned(), name, answer)
    }

    /// Takes a proposal for a dial that is a number.
    pub(super) fn propose_number(
        &mut self,
        dial: &str,
        number: f64,
        text: String,
    ) -> Result<Acceptance, ControlError> {
        let bounds = self.bounds(dial);
        let answer = self.may_turn(dial).and_then(|()| {
            let Some((least, most)) = bounds else { return Err(ControlError::Unavailable) };
            if !number.is_finite() {
                return Err(ControlError::Invalid("not a finite number".to_owned()));
            }
            let within = number.min(most).max(least);
            let inside = within.to_bits() == number.to_bits();
            Ok(if inside { Acceptance::Accepted } else { Acceptance::Clamped(within) })
        });
        self.keep(dial.to_owned(), text, answer)
    }

    /// Rules that may be installed in all; none where the run cannot prefetch.
    fn rule_limit(&self) -> Result<u32, ControlError> {
        field::<Option<u32>>(&self.offer, "rule_limit").ok().flatten().ok_or(ControlError::Unavailable)
    }

    /// Rules that may still be installed.
    pub(super) fn rules_left(&self) -> u32 {
        let installed = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.rule_limit().map_or(0, |limit| limit.saturating_sub(installed))
    }

    /// Takes a proposal of a rule: whether it continues the order of what is asked for, and its depth or its targets.
    pub(super) fn propose_rule(
        &mut self,
        id: u32,
        rule: String,
        shape: Shape,
    ) -> Result<Acceptance, ControlError> {
        let in_order = self.offer.get("rule_kinds").and_then(Json::as_str) == Some("in-order");
        let answer = self.rule_limit().and_then(|limit| {
            let continues = !matches!(shape, Shape::Targets(_) | Shape::Mined);
            if in_order && !continues {
                return Err(ControlError::Invalid(
                    "rules for keys that belong together are left out of this run".to_owned(),
                ));
            }
            if !self.rules.contains(&id) && self.rules_left() == 0 {
                return Err(ControlError::TooMany(limit));
            }
            shape.admit()
        });
        if answer.is_ok() {
            self.rules.insert(id);
        }
        self.keep(format!("rule {id}"), rule, answer)
    }

    /// Takes a proposal to withdraw a rule.
    pub(super) fn withdraw(&mut self, id: u32) -> Result<Acceptance, ControlError> {
        let answer = self.rule_limit().and_then(|_| match self.rules.remove(&id) {
            true => Ok(Acceptance::Accepted),
            false => Err(ControlError::Unknown(self.rules.iter().map(u32::to_string).collect())),
        });
        self.keep(format!("rule {id}"), "withdraw".to_owned(), answer)
    }

    /// What was asked for, each with its reason, whenever that was given.
    pub(super) fn take_asked(&mut self) -> Vec<Asked> {
        let reasons = &self.reasons;
        for asked in &mut self.asked {
            let of = if asked.what.starts_with("rule ") { RULES } else { &asked.what };
            asked.reason = reasons.get(of).cloned();
        }
        std::mem::take(&mut self.asked)
    }
}

/// What of a rule has limits.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shape {
    /// The distance, and keys to stay ahead.
    Stride(i64, u32),
    /// Keys to stay ahead.
    Depth(u32),
    /// How many targets.
    Targets(usize),
    /// None.
    Mined,
}

impl Shape {
    fn admit(self) -> Result<Acceptance, ControlError> {
        match self {
            Self::Stride(0, _) => Err(ControlError::Invalid("stride is 0".to_owned())),
            Self::Targets(0) => Err(ControlError::Invalid("no targets".to_owned())),
            Self::Stride(_, depth) | Self::Depth(depth) if !(1..=MAX_DEPTH).contains(&depth) => {
                Ok(Acceptance::Clamped(f64::from(depth.clamp(1, MAX_DEPTH))))
            }
            Self::Targets(targets) if targets > MAX_TARGETS => Ok(Acceptance::Clamped(16.0)),
            _ => Ok(Acceptance::Accepted),
        }
    }
}
