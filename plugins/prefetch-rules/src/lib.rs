//! Strategy `prefetch-rules`: has the host prefetch what recent accesses show to come next.
//!
//! Streams and repetitions the host finds by itself; this strategy asks for it, and for associations of keys: `recent.rs`
//! keeps the last accesses, `pairs.rs` finds patterns in their keys, `book.rs` decides which
//! rules to install and which to withdraw. None of them knows the host, and all are tested natively.

mod book;
mod pairs;
mod pattern;
mod recent;

use book::{Book, Order};
use pattern::{Found, Pattern};
use recent::Recent;
use std::mem::{Discriminant, discriminant};
use strategy_sdk::{
    Acceptance, ControlError, Description, Strategy, TickError, TickInfo, accesses, count, dial,
    export_strategy, log, metrics, prefetch, run,
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
        /// Keys to stay ahead of a stream or a repetition
        depth: u32 = 16 in 1..=64,
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
    /// Kinds of patterns of which the host takes no rule in this run.
    left_out: Vec<Discriminant<Pattern>>,
}

impl Strategy for PrefetchRules {
    type Settings = Settings;

    fn describe() -> Description {
        let summary =
            "Installs prefetch rules for streams, for repetitions, and for keys that follow each other";
        Description::new("prefetch-rules", env!("CARGO_PKG_VERSION"), summary).dials(&[dial::PREFETCH_SHARE])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self {
            book: Book::default(),
            settings,
            recent: Recent::default(),
            unseen: 0,
            left_out: Vec::new(),
        })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let state = metrics::prefetch();
        // Prefetching is off: to find patterns would cost its fuel and change nothing.
        if state.rules_left == 0 && self.book.is_empty() {
            return Ok(());
        }
        self.widen(&state);
        let wasteful = self.book.wasteful(info.tick, &self.settings, &state.rules);
        self.carry_out(info.tick, wasteful);
        if self.book.is_empty() {
            let found = self.taken(self.native());
            let orders = self.book.update(info.tick, found, state.rules_left);
            self.carry_out(info.tick, orders);
        }
        self.unseen = self.unseen.saturating_add(self.recent.read(accesses::since));
        if self.unseen >= NEWS {
            self.unseen = 0;
            // The windows of two looks overlap. Each look counts its own window from nothing, so that no
            // access is counted twice.
            let keys = self.recent.keys();
            let mut found = self.native();
            found.extend(pairs::find(keys, &self.settings));
            let orders = self.book.update(info.tick, self.taken(found), state.rules_left);
            self.carry_out(info.tick, orders);
        }
        Ok(())
    }
}

/// Entries that should find room to wait, so that a stream can be loaded some keys ahead.
const LEAST_ROOM: f64 = 32.0;
/// The largest share of the cache that may be asked for.
const MOST_SHARE: f64 = 0.5;

impl PrefetchRules {
    /// Asks for a larger share of a cache of so few entries that none could wait. The host drops what waits in vain.
    fn widen(&self, state: &metrics::PrefetchMetrics) {
        let cache = metrics::cache();
        if cache.entries == 0 || cache.used_bytes == 0 {
            return;
        }
        let fits = count(cache.capacity_bytes) * count(cache.entries) / count(cache.used_bytes);
        let share = (LEAST_ROOM / fits).min(MOST_SHARE);
        if share > state.cache_share * 1.1 {
            // Refused while it cools down, or where another strategy holds it: the next tick asks again.
            prefetch::propose_share(share).ok();
        }
    }

    fn native(&self) -> Vec<Found> {
        pattern::native(run::keys_ordered(), self.settings.depth)
    }

    /// Those of kinds that the host takes.
    fn taken(&self, mut found: Vec<Found>) -> Vec<Found> {
        found.retain(|found| !self.left_out.contains(&discriminant(&found.pattern)));
        found
    }

    /// Proposes the orders until one is refused for good: the ones after it would be, too. A rule that is invalid is so for its
    /// kind: the profile's mode leaves it out.
    fn carry_out(&mut self, tick: u64, orders: Vec<Order>) {
        let mut reasons = Vec::new();
        for order in orders {
            if let Order::Install { pattern, .. } = &order
                && self.left_out.contains(&discriminant(pattern))
            {
                continue;
            }
            let answer = match &order {
                Order::Install { id, pattern, .. } => propose(*id, pattern),
                Order::Withdraw { id, .. } => prefetch::propose_withdrawal(*id),
            };
            match answer {
                Ok(_) => {
                    reasons.push(order.reason());
                    self.book.done(tick, order);
                }
                // The host has forgotten it, and so does the book.
                Err(ControlError::Unknown(_)) => self.book.done(tick, order),
                Err(ControlError::Invalid(text)) => {
                    log::warn(format_args!("{}: {text}", order.reason()));
                    if let Order::Install { pattern, .. } = &order {
                        self.left_out.push(discriminant(pattern));
                    }
                }
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

/// Proposes a rule for the pattern.
fn propose(id: u32, pattern: &Pattern) -> Result<Acceptance, ControlError> {
    match pattern {
        Pattern::Streams { depth } => prefetch::propose_stream(id, *depth),
        Pattern::Mined => prefetch::propose_mined(id),
        Pattern::Replays { depth } => prefetch::propose_replay(id, *depth),
        Pattern::Follow { key, targets } => {
            let rule = prefetch::AssociationRule { key: *key, targets: targets.clone() };
            prefetch::propose_rule(id, &prefetch::Rule::Association(rule))
        }
    }
}

export_strategy!(PrefetchRules);
