//! What a decision changed, and what follows from it.
//!
//! Every decision of a strategy has a counterfactual. Where a shadow stands for the setting that was left, it is the shadow
//! (`judge/window.rs`). Where there is none, as for workers, the host itself goes back to what was left and returns, in blocks
//! of some ticks (`judge/switchback.rs`); what came before a change is never held against what came after it alone. A change
//! that turns out worse beyond noise is undone, and the strategies that asked for it have to leave the dial alone for as long
//! as the loss was large (`judge/rests.rs`).
//!
//! Pure: it says what to turn as [`Order`]s, and the loop turns it. All chance comes from the run's seed.

pub mod estimate;
mod evidence;
mod rests;
mod seen;
mod switchback;
mod trial;
mod window;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use host_contract::{Dial, DialSpec, Judged, Objective, Snapshot, Value};

use crate::effect::{Effect, Found};
use rests::Rests;
use switchback::{Switchback, Turned};
pub use window::Change;
use window::{Closed, Window};

/// How decisions are judged; from the profile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Whether the host returns to what a strategy has left, and undoes what lost. Without it decisions are measured and
    /// nothing follows.
    pub enabled: bool,
    /// Ticks after which a decision is judged by the shadows, at least 1.
    pub window_ticks: u64,
    /// Ticks for which a dial stands still before the value is tried; after three times as many it is tried anyway.
    pub settle_ticks: u64,
    /// Ticks at the begin of a block that do not count.
    pub wash_in_ticks: u64,
    /// Ticks of a block that count, at least 1.
    pub block_ticks: u64,
    /// Most blocks of a trial.
    pub blocks: u64,
    /// Share of the time that returns to a worse setting may cost, above 0.
    pub cost: f64,
    /// The first ticks of a run, in which there is little to hold a change against: what lasts is not turned in them, and
    /// nothing that no shadow stands for before it was seen where it stands.
    pub early_ticks: u64,
    /// How much such a tick is of a later one, 0 to 1.
    pub early_share: f64,
}

impl Plan {
    /// What was lost up to this tick, in ticks as they come later.
    pub(crate) fn worth(self, ticks: f64, tick: u64) -> f64 {
        if tick > self.early_ticks { ticks } else { ticks * self.early_share }
    }

    /// Measures and turns nothing.
    #[must_use]
    pub fn watch_only(window_ticks: u64) -> Self {
        let window_ticks = window_ticks.max(1);
        Self { enabled: false, window_ticks, ..Self::default() }
    }
}

impl Default for Plan {
    /// As `defaults.toml` has it.
    fn default() -> Self {
        Self {
            enabled: true,
            window_ticks: 4,
            settle_ticks: 6,
            wash_in_ticks: 1,
            block_ticks: 3,
            blocks: 40,
            cost: 0.02,
            early_ticks: 12,
            early_share: 1.0,
        }
    }
}

/// What the loop has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Note how a decision was judged.
    Effect(Effect),
    /// Take a block of a trial.
    Take(BlockTaken),
    /// Undo a decision.
    RollBack(RollBack),
}

/// A block of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockTaken {
    /// The dials on trial, with the decision that is tried and the value of this block.
    pub dials: Vec<(Dial, u64, Value)>,
    /// Number of the block in its trial, from 1.
    pub block: u64,
    /// Whether it is one of the setting that was decided for; else of the one that was left.
    pub present: bool,
    /// The probability with which this side was drawn.
    pub probability: f64,
}

/// A decision to undo.
#[derive(Debug, Clone, PartialEq)]
pub struct RollBack {
    /// The dial.
    pub dial: Dial,
    /// What lost.
    pub from: Value,
    /// What stands again.
    pub to: Value,
    /// Why, with the figures.
    pub reason: String,
    /// The first tick in which those who asked for it are heard again; none where they need not rest.
    pub until: Option<u64>,
}

/// Judges the decisions of a run.
#[derive(Debug)]
pub struct Judge {
    plan: Plan,
    windows: Vec<Window>,
    turns: Switchback,
    rests: Rests,
}

impl Judge {
    /// Judges as planned.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        Self { plan, windows: Vec::new(), turns: Switchback::default(), rests: Rests::default() }
    }

    /// Judges otherwise from now on. A trial under way ends with the next tick.
    pub fn replan(&mut self, plan: Plan) {
        self.plan = plan;
        self.turns.interrupt();
    }

    /// The first tick in which a proposal of this strategy for the dial is heard, as far as the judge has a say; none
    /// where it has none.
    #[must_use]
    pub fn free_from(&self, author: usize, spec: &DialSpec, tick: u64) -> Option<u64> {
        if !self.plan.enabled {
            return None;
        }
        let held = self.turns.held(spec.dial, spec.judged, tick, self.plan);
        held.max(self.rests.until(author, spec.dial, lasts(spec.judged)))
    }

    /// Whether the shadows have to stay at the capacity where they are, until a change of it is judged.
    #[must_use]
    pub fn keeps_shadows(&self) -> bool {
        self.windows.iter().any(Window::keeps_shadows)
    }

    /// How soon the next tick is wanted; none where any time will do.
    #[must_use]
    pub fn pace(&self) -> Option<Duration> {
        self.turns.pace().filter(|_| self.plan.enabled)
    }

    /// Starts to judge a change made in the tick of `snapshot`. Returns how changes were judged that end with it.
    pub fn watch(&mut self, change: Change, snapshot: &Arc<Snapshot>) -> Vec<Effect> {
        let mut effects = self.cut_short(change.dial, snapshot);
        let by_turns = self.by_turns(&change, snapshot);
        match change.dial {
            Some(dial) if change.authors.is_empty() => {
                effects.extend(self.turns.overruled(dial, snapshot, "the host has set the dial"));
            }
            Some(dial) if by_turns => {
                let turned = Turned {
                    dial,
                    from: change.from,
                    to: change.to,
                    decision: change.decision,
                    authors: change.authors,
                    slow: change.judged != Judged::Throughput,
                };
                effects.extend(self.turns.turned(turned, snapshot));
                return effects;
            }
            Some(dial) => {
                // Its course, where it has one, ends in a change that the shadows can judge.
                effects.extend(self.turns.overruled(dial, snapshot, "a further change took its place"));
            }
            None => {}
        }
        if change.judged != Judged::Nothing && !by_turns {
            self.windows.push(Window::open(change, snapshot, self.plan.window_ticks));
        }
        effects
    }

    /// Whether a change is judged by turns: no shadow stands for what was left.
    fn by_turns(&self, change: &Change, snapshot: &Snapshot) -> bool {
        self.plan.enabled
            && !(change.gives_up_memory() && window::is_short(snapshot))
            && match (change.judged, &change.from, &change.to) {
                (Judged::Throughput | Judged::Guarded, ..) => true,
                (Judged::Capacity, Value::Count(from), _) => {
                    window::near(snapshot, &snapshot.cache.policy, *from).is_none()
                }
                (Judged::Policy, Value::Name(from), Value::Name(to)) => {
                    !(followed(snapshot, from) && followed(snapshot, to))
                }
                _ => false,
            }
    }

    /// The host or the operator has set a dial without a decision of its own.
    pub fn overruled(&mut self, dial: Dial, snapshot: &Snapshot) -> Vec<Effect> {
        let mut effects = self.cut_short(Some(dial), snapshot);
        effects.extend(self.turns.overruled(dial, snapshot, "the host has set the dial"));
        effects
    }

    /// Takes in the tick of `snapshot` and says what to do. `values` are those in force.
    pub fn tick(&mut self, snapshot: &Snapshot, values: &dyn Fn(Dial) -> Option<Value>) -> Vec<Order> {
        let mut orders = Vec::new();
        for closed in self.close_due(snapshot) {
            orders.extend(self.conclude(closed, snapshot, values));
        }
        if self.plan.enabled || self.turns.is_trying() {
            orders.extend(self.turns.tick(snapshot, values, self.plan, &mut self.rests));
        }
        orders
    }

    /// Judges what is still open, because the run ends.
    pub fn finish(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        let windows = std::mem::take(&mut self.windows);
        let closed = windows.into_iter().filter_map(|window| window.close(snapshot));
        let mut effects: Vec<Effect> = closed.map(|closed| closed.effect).collect();
        effects.extend(self.turns.finish(snapshot));
        effects
    }

    fn close_due(&mut self, snapshot: &Snapshot) -> Vec<Closed> {
        self.windows.iter_mut().for_each(|window| window.tick(snapshot));
        let most = self.plan.window_ticks.max(1);
        self.take(|window| window.ticks() >= most).into_iter().filter_map(|of| of.close(snapshot)).collect()
    }

    fn take(&mut self, which: impl Fn(&Window) -> bool) -> Vec<Window> {
        let (taken, left) = std::mem::take(&mut self.windows).into_iter().partition(which);
        self.windows = left;
        taken
    }

    /// Closes the window of a dial, or of the rule book, early: it is changed again. Too little was seen to undo anything.
    fn cut_short(&mut self, dial: Option<Dial>, snapshot: &Snapshot) -> Vec<Effect> {
        let cut = self.take(|window| window.dial() == dial);
        cut.into_iter().filter_map(|window| window.close(snapshot)).map(|closed| closed.effect).collect()
    }

    /// What follows from a window that has closed.
    fn conclude(
        &mut self,
        closed: Closed,
        snapshot: &Snapshot,
        values: &dyn Fn(Dial) -> Option<Value>,
    ) -> Vec<Order> {
        let Closed { change, mut effect, cost, needed } = closed;
        if effect.verdict == Found::Worse && (needed || gives_up_hits(&change, snapshot, effect.measured)) {
            effect.verdict = Found::NotTested;
        }
        let verdict = effect.verdict;
        let mut orders = vec![Order::Effect(effect.clone())];
        let Some(dial) = change.dial.filter(|_| self.plan.enabled) else { return orders };
        if verdict == Found::Better {
            change.authors.iter().for_each(|author| self.rests.won(*author, dial));
        }
        let stands = values(dial).as_ref() == Some(&change.to);
        if verdict != Found::Worse || !stands || change.authors.is_empty() {
            return orders;
        }
        let (rests, allowed, tick) = (&mut self.rests, self.plan.cost, snapshot.tick);
        let until = change.authors.iter().map(|author| rests.lost(*author, dial, tick, cost, allowed)).max();
        let percent = |share: Option<f64>| share.map_or(0.0, |share| share * 100.0);
        let reason = format!(
            "undone: worse, {:.1} % hits; {} {:.1} % ({:.1} standard errors)",
            percent(Some(effect.measured)),
            effect.basis,
            percent(effect.counterfactual),
            effect.statistic.unwrap_or(0.0).abs()
        );
        orders.push(Order::RollBack(RollBack { dial, from: change.to, to: change.from, reason, until }));
        orders
    }
}

/// A hit ratio that is so much below its target may be on its way there.
const BELOW_TARGET: f64 = 0.02;

/// Whether a change may give up hits for what the operator wants more: memory, as long as the hit ratio that is wanted is there, or
/// bytes from the origin.
fn gives_up_hits(change: &Change, snapshot: &Snapshot, measured: f64) -> bool {
    if let Some(target) = snapshot.gauge("target-hit-ratio") {
        return change.gives_up_memory() && measured >= target - BELOW_TARGET;
    }
    match snapshot.run.objective {
        Objective::Memory => change.gives_up_memory(),
        Objective::Bandwidth => matches!(change.judged, Judged::Policy | Judged::Capacity),
        Objective::Throughput | Objective::Latency => false,
    }
}

/// Whether what a value of such a dial did may last after it is left, and no shadow may stand for what was left: whether one
/// stands near a capacity shows when it is turned.
pub(crate) fn lasts(judged: Judged) -> bool {
    matches!(judged, Judged::Guarded | Judged::Capacity)
}

/// Whether a shadow follows a policy.
fn followed(snapshot: &Snapshot, policy: &str) -> bool {
    snapshot.shadows.iter().any(|shadow| shadow.policy == policy)
}

/// Nobody asked: the host decided.
pub(crate) fn nobody() -> BTreeSet<usize> {
    BTreeSet::new()
}
