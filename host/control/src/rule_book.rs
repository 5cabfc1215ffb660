//! The prefetch rules in force, as the loop changes them.
//!
//! Rules are no dial: those of several strategies do not compete, each adds to what is installed. The owner of a rule is
//! the registration of its strategy, as a number: two strategies of one name do not share their rules.

use host_contract::PrefetchRule;
use serde::{Deserialize, Serialize};

/// What a strategy asks of the rule book in one call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleChange {
    /// Install the rule, or replace the one of the same id.
    Install(PrefetchRule),
    /// Withdraw the rule.
    Withdraw,
}

/// Which rules a run takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuleKinds {
    /// All.
    #[default]
    All,
    /// Those that [continue an order](PrefetchRule::continues_order).
    InOrder,
}

impl RuleKinds {
    /// Whether a rule is among them.
    #[must_use]
    pub fn take(self, rule: &PrefetchRule) -> bool {
        match self {
            Self::All => true,
            Self::InOrder => rule.continues_order(),
        }
    }
}

/// Keeps prefetch rules by owner and id.
pub trait RuleBook: Send {
    /// Rules that one owner may have installed; none where this run cannot prefetch.
    fn limit(&self) -> Option<u32>;

    /// Which rules this run takes.
    fn kinds(&self) -> RuleKinds {
        RuleKinds::All
    }

    /// Rules installed, of all owners.
    fn count(&self) -> u64;

    /// Installs a rule, or replaces the owner's rule of that id.
    ///
    /// # Errors
    /// Why it could not, in words. The rules before stay in force.
    fn install(&mut self, owner: u32, id: u32, rule: &PrefetchRule) -> Result<(), String>;

    /// Withdraws a rule.
    ///
    /// # Errors
    /// Why it could not, in words.
    fn withdraw(&mut self, owner: u32, id: u32) -> Result<(), String>;

    /// Withdraws every rule of an owner.
    fn withdraw_all(&mut self, owner: u32);
}

/// The rule book of a run that cannot prefetch.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoRules;

impl RuleBook for NoRules {
    fn limit(&self) -> Option<u32> {
        None
    }

    fn count(&self) -> u64 {
        0
    }

    fn install(&mut self, _: u32, _: u32, _: &PrefetchRule) -> Result<(), String> {
        Err("this run cannot prefetch".to_owned())
    }

    fn withdraw(&mut self, _: u32, _: u32) -> Result<(), String> {
        Err("this run cannot prefetch".to_owned())
    }

    fn withdraw_all(&mut self, _: u32) {}
}
