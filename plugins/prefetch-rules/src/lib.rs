//! Strategy `prefetch-rules`: has the host prefetch what recent accesses show to come next.
//!
//! `recent.rs` keeps the last accesses, `runs.rs` and `pairs.rs` find patterns in their keys, `book.rs` decides which
//! rules to install and which to withdraw. None of them knows the host, and all are tested natively.

mod book;
mod pairs;
mod pattern;
mod recent;
mod runs;

use book::{Book, Order};
use pattern::Pattern;
use recent::Recent;
use strategy_sdk::{
    ControlError, Description, Strategy, TickError, TickInfo, accesses, export_strategy, log, metrics,
    prefetch,
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Times that one key must have followed another before a rule is made of it
        min_support: u32 = 4 in 2..=1000,
        /// Share of a key's accesses that the other must have followed
        min_confidence: f64 = 0.6 in 0.0..=1.0,
        /// Share of a rule's loads that may be wasted before it is withdrawn
        max_waste: f64 = 0.5 in 0.0..=1.0,
        /// Keys to stay ahead of a run
        depth: u32 = 8 in 1..=64,
    }
}

/// New accesses that make another look worthwhile. The window moves by an eighth at least.
const NEWS: u64 = 512;

struct PrefetchRules {
    book: Book,
    settings: Settings,
    recent: Recent,
    /// Accesses since the window was looked at.
    unseen: u64,
}

impl Strategy for PrefetchRules {
    type Settings = Settings;

    fn describe() -> Description {
        let summary = "Installs prefetch rules for sequential runs and for keys that follow each other";
        Description::new("prefetch-rules", env!("CARGO_PKG_VERSION"), summary)
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { book: Book::default(), settings, recent: Recent::default(), unseen: 0 })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let state = metrics::prefetch();
        // Prefetching is off: to find patterns would cost its fuel and change nothing.
        if state.rules_left == 0 && self.book.is_empty() {
            return Ok(());
        }
        let wasteful = self.book.wasteful(info.tick, &self.settings, &state.rules);
        self.carry_out(info.tick, wasteful);
        self.unseen = self.unseen.saturating_add(self.recent.read(accesses::since));
        if self.unseen >= NEWS {
            self.unseen = 0;
            // The windows of two looks overlap. Each look counts its own window from nothing, so that no
            // access is counted twice.
            let keys = self.recent.keys();
            let mut found = runs::find(keys, &self.settings);
            found.extend(pairs::find(keys, &self.settings));
            let orders = self.book.update(info.tick, found, state.rules_left);
            self.carry_out(info.tick, orders);
        }
        Ok(())
    }
}

impl PrefetchRules {
    /// Proposes the orders until one is refused for good: the ones after it would be, too.
    fn carry_out(&mut self, tick: u64, orders: Vec<Order>) {
        let mut reasons = Vec::new();
        for order in orders {
            let answer = match &order {
                Order::Install { id, pattern, .. } => prefetch::propose_rule(*id, &rule(pattern)),
                Order::Withdraw { id, .. } => prefetch::propose_withdrawal(*id),
            };
            match answer {
                Ok(_) => {
                    reasons.push(order.reason());
                    self.book.done(tick, order);
                }
                // The host has forgotten it, and so does the book.
                Err(ControlError::Unknown(_)) => self.book.done(tick, order),
                Err(ControlError::Invalid(text)) => log::warn(format_args!("{}: {text}", order.reason())),
                Err(_) => break,
            }
        }
        match reasons.as_slice() {
            [] => {}
            [one] => prefetch::explain_rules(one),
            [first, rest @ ..] => prefetch::explain_rules(&format!("{first}; and {} more", rest.len())),
        }
    }
}

/// As the contract writes it.
fn rule(pattern: &Pattern) -> prefetch::Rule {
    match pattern {
        Pattern::Run { stride, depth } => {
            prefetch::Rule::Sequential(prefetch::SequentialRule { stride: *stride, depth: *depth })
        }
        Pattern::Follow { key, targets } => {
            prefetch::Rule::Association(prefetch::AssociationRule { key: *key, targets: targets.clone() })
        }
    }
}

export_strategy!(PrefetchRules);
