//! What a running host is told to do.

/// A command to a running host, carried out between two ticks.
#[derive(Debug)]
pub enum Command {
    /// Hold a tick now. The reason is on the ledger.
    Tick {
        /// Why, in words.
        reason: String,
    },
    /// Put a value in force by the operator's word, which no range of the profile binds. What is being judged of the dial is closed;
    /// strategies go on from here.
    Set {
        /// The dial.
        dial: host_contract::Dial,
        /// Its value.
        value: host_contract::Value,
        /// Who wants it, in words.
        by: String,
    },
    /// Go on under other settings: ranges, arbitration, cool-down, interval and memory cap. A value that is out of its new
    /// range moves to the nearest inside. Strategies stay as they are.
    Reload(Box<host_profile::Settings>),
    /// Stop consulting a strategy. What it holds returns to the starting values, and its rules are withdrawn.
    Retire {
        /// Name of the strategy.
        strategy: String,
        /// Why, in words.
        reason: String,
    },
    /// Give a strategy a full budget of restarts, and start it again where it failed and does not take part, or is to forget.
    Reset {
        /// Name of the strategy.
        strategy: String,
        /// Where it is to forget what it has learnt: what keeps that.
        forget: Option<std::sync::Arc<host_plugin::StateStore>>,
    },
    /// Consult this strategy from now on, in the place of the one of its name. What that one has installed stands.
    Replace {
        /// The strategy, started.
        with: Box<host_control::Registration>,
        /// Where it comes from, for the ledger.
        from: String,
    },
    /// Put this eviction policy in the place of the one of its name, or add it. A cache that follows that one, or lost it because
    /// it failed, follows the new one from here, with all its entries.
    ReplacePolicy {
        /// The policy.
        with: host_cache::PolicyFactory,
        /// Where it comes from, for the ledger.
        from: String,
    },
    /// Take out the eviction policy of this name. A cache that follows it goes on with the bundled one, or the fallback.
    RemovePolicy {
        /// Its name.
        policy: String,
        /// The bundled policy of this name, where there is one.
        bundled: Option<host_cache::PolicyFactory>,
        /// Why, in words.
        reason: String,
    },
    /// Bound the IO tasks that run at once, whatever strategies ask for: something is short that no setting may overrule.
    BoundIo {
        /// The most; `u32::MAX` bounds nothing.
        most: u32,
        /// Why, in words.
        reason: String,
    },
    /// Put on the ledger that a component was not taken, and that what ran before goes on.
    Keep {
        /// Which, and why, in words.
        reason: String,
    },
}
