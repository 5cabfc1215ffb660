//! A trial: the value that a dial was turned to, and the one that it left, in turns.
//!
//! First the dial returns to the reference. With the ticks before it was left, and those at the present value between, that
//! makes the first comparison, from which a steady drift of the load cancels out: reference, present, reference. Where
//! nothing is known from before, the present value is taken once more instead. While that does not decide, pairs of
//! blocks follow, each in an order that is drawn. A block begins with ticks that do not count, in which the work of the
//! other value runs out. The test is asked after every tick of the first comparison, and after every pair from then on.
//! A first return that is far below the present value ends with its first tick, where that is what the reference was seen to
//! do before, else with its second one: what remains to be seen is seen at the present value, which costs nothing.
//!
//! Several dials that were turned together are tried together: what one of them did cannot be told from what another did.

use std::collections::BTreeSet;

use host_contract::number::to_f64;
use host_contract::split_mix::mix;
use host_contract::{Dial, Value};

use super::Plan;
use super::evidence::{Conclusion, Evidence};
use super::seen::{Block, Metric, Seen, count, moments};

/// Ticks without a request after which a trial is given up.
const IDLE: u64 = 20;

/// Ticks that a return waits at most for a cache to fill again.
const SLOW: u64 = 16;

/// Share by which a tick may be below the reference and still count as recovered.
const RECOVERED: f64 = 0.1;

/// How far a tick of the first return has to be below the present value to be the last one, on the logarithmic scale, and in
/// standard deviations of the ticks before it.
const FAR: f64 = 0.2;
const FAR_DEVIATIONS: f64 = 5.0;

/// A mean difference below the negative of this speaks against the present value.
const AGAINST: f64 = 0.05;

/// What turns may cost the present value on the logarithmic scale, and blocks that are looked at before.
const COSTLY: f64 = 0.06;
const COSTLY_BLOCKS: usize = 2;
/// Ticks of work that the wash-in of a turn may cost in the mean, and turns that are looked at before.
const COSTLY_TURN: f64 = 0.5;
const COSTLY_TURNS: f64 = 2.0;

/// Ticks at a side that stand for it afterwards.
const LAST: usize = 4;

/// Change of a side, or of both, from which the load has changed, on the logarithmic scale; and pairs that are looked at
/// before.
const MOVED: f64 = 0.3;
const MOVED_PAIRS: usize = 3;

/// Which of the two values is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// What was left.
    Reference,
    /// What the dial was turned to.
    Present,
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Reference => Self::Present,
            Self::Present => Self::Reference,
        }
    }
}

/// The ticks from when a reference was left to the trial, as far as less was served in them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Away {
    pub(crate) ticks: u64,
    /// Ticks of work that they fell short of what was seen before.
    pub(crate) short: f64,
}

impl Away {
    /// Ticks of work that they cost where the present value loses this share. The load may have changed since: what was
    /// served all the same was not lost.
    pub(crate) fn cost(self, lost: f64) -> f64 {
        (to_f64(self.ticks) * lost).min(self.short).max(0.0)
    }
}

/// A dial on trial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OnTrial {
    pub(crate) dial: Dial,
    pub(crate) reference: Value,
    pub(crate) present: Value,
    /// The decision that brought the present value.
    pub(crate) decision: u64,
    /// Registrations that asked for it.
    pub(crate) authors: BTreeSet<usize>,
    /// The tick of that decision.
    pub(crate) since: u64,
    /// The time before the trial.
    pub(crate) away: Away,
    /// Returns of this course before.
    pub(crate) returns: u32,
    /// What the course left, and what was seen before, where the reference is the best value that was seen since.
    pub(crate) left: Option<(Value, Block)>,
}

impl OnTrial {
    /// The value of a side.
    pub(crate) fn value(&self, side: Side) -> &Value {
        match side {
            Side::Reference => &self.reference,
            Side::Present => &self.present,
        }
    }
}

/// What to do after a tick.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    /// Nothing.
    Stay,
    /// Take a block at this side, which was drawn with this probability.
    Take(Side, f64),
    /// The trial is over.
    End(Ending),
}

/// How a trial ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Better,
    Worse,
    /// None, or none that could be told.
    NoDifference,
    LoadChanged,
    /// No request came for long.
    Idle,
    /// The turns cost more than they tell.
    Costly,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Phase {
    /// The first return to the reference.
    Return,
    /// The present value again, where nothing is known from before. With the level of the return.
    Again(f64),
    /// The first block of a pair.
    First,
    /// The second one. With the level of the first.
    Second(f64),
}

/// A trial under way.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    pub(crate) dials: Vec<OnTrial>,
    pub(crate) metric: Metric,
    pub(crate) evidence: Evidence,
    /// Blocks begun.
    pub(crate) blocks: u64,
    pub(crate) side: Side,
    plan: Plan,
    seed: u64,
    phase: Phase,
    /// Ticks of wash-in that are left.
    wash: u64,
    /// Whether a return has to wait until a cache has filled again, and for how long it has.
    slow: Option<u64>,
    /// Ticks of work that a cache which fills again has cost.
    pub(crate) refilled: f64,
    idle: u64,
    running: Block,
    /// Levels of whole blocks, by side.
    levels: [Vec<f64>; 2],
    /// All that counted, by side.
    ticks: [Block; 2],
    before: Option<f64>,
    present: f64,
    /// Ticks of work that the returns have cost, and the turns back.
    pub(crate) lost: f64,
    /// Ticks of work that the wash-in of turns to the present value has cost, and such turns.
    turning: f64,
    turned: f64,
    /// Ticks that the present value was in force for again before anything was known of it.
    pub(crate) again: u64,
}

/// What a trial starts from.
#[derive(Debug)]
pub(crate) struct Start {
    pub(crate) dials: Vec<OnTrial>,
    pub(crate) metric: Metric,
    /// Ticks before the reference was left; may be none.
    pub(crate) before: Block,
    /// Ticks at the present value, at least one.
    pub(crate) present: Block,
    /// Whether what one value did to the cache lasts.
    pub(crate) slow: bool,
    pub(crate) seed: u64,
}

impl Trial {
    /// A trial that begins with a return to the reference: the caller turns the dials. None where no tick was seen at the
    /// present value.
    pub(crate) fn begin(start: Start, plan: Plan) -> Option<Self> {
        let Start { dials, metric, before, present, slow, seed } = start;
        let level = present.level(metric)?;
        let mut evidence = Evidence::default();
        evidence.block(metric, &before);
        evidence.block(metric, &present);
        Some(Self {
            dials,
            metric,
            evidence,
            blocks: 1,
            side: Side::Reference,
            plan,
            seed,
            phase: Phase::Return,
            wash: plan.wash_in_ticks,
            slow: slow.then_some(0),
            refilled: 0.0,
            idle: 0,
            running: Block::default(),
            levels: [Vec::new(), Vec::new()],
            before: before.level(metric),
            ticks: [before, present],
            present: level,
            lost: 0.0,
            turning: 0.0,
            turned: 0.0,
            again: 0,
        })
    }

    /// What the ticks of a side come to; none where it has none.
    pub(crate) fn figure(&self, side: Side) -> Option<f64> {
        self.metric.figure(self.of(side).0.iter())
    }

    /// Mean time from tick to tick at the side that was faster, seconds.
    pub(crate) fn pace(&self) -> Option<f64> {
        let paces = self.ticks.iter().filter_map(Block::seconds_a_tick);
        paces.reduce(f64::min)
    }

    /// Whether the authors of the one dial on trial may turn it again: the reference was returned to, the present value is in
    /// force, and what was seen since does not speak against it.
    pub(crate) fn may_move_on(&self, dial: Dial) -> bool {
        let alone = matches!(self.dials.as_slice(), [of] if of.dial == dial);
        alone && self.side == Side::Present && self.evidence.len() > 0 && self.lead() > -AGAINST
    }

    /// The last ticks at a side.
    pub(crate) fn at(&self, side: Side) -> Block {
        let ticks = &self.of(side).0;
        Block(ticks.iter().skip(ticks.len().saturating_sub(LAST)).copied().collect())
    }

    /// On the logarithmic scale, how far the present value is ahead as far as is known.
    pub(crate) fn lead(&self) -> f64 {
        self.evidence.finding().map_or(0.0, |found| found.difference)
    }

    fn of(&self, side: Side) -> &Block {
        let [reference, present] = &self.ticks;
        match side {
            Side::Reference => reference,
            Side::Present => present,
        }
    }

    /// Takes in a tick at the side in force.
    pub(crate) fn tick(&mut self, seen: Option<Seen>) -> Step {
        if let Phase::Again(_) = self.phase {
            self.again += 1;
        }
        let Some((seen, level)) = seen.and_then(|seen| Some((seen, Block(vec![seen]).level(self.metric)?)))
        else {
            self.idle += 1;
            return if self.idle > IDLE { Step::End(Ending::Idle) } else { Step::Stay };
        };
        self.idle = 0;
        let short = (1.0 - (level - self.present).exp()).clamp(0.0, 1.0);
        if self.side == Side::Reference || self.wash > 0 {
            self.lost += short;
        }
        if self.side == Side::Present && self.wash > 0 {
            self.turning += short;
        }
        if self.is_far_below(level) {
            return self.cut_return_short(seen, level);
        }
        if self.wash > 0 {
            self.wash -= 1;
            return Step::Stay;
        }
        if self.refilling(level) {
            return Step::Stay;
        }
        self.running.0.push(seen);
        let [reference, present] = &mut self.ticks;
        match self.side {
            Side::Reference => reference.0.push(seen),
            Side::Present => present.0.push(seen),
        }
        self.compare()
    }

    /// Whether a tick of the first return is so far below the present value that the return need not last. In the wash-in the
    /// turn itself may be what costs: tasks that never get an answer hold a smaller pool until they time out.
    fn is_far_below(&self, level: f64) -> bool {
        let (_, variance) = moments(&self.of(Side::Present).levels(self.metric));
        let far = FAR.max(FAR_DEVIATIONS * variance.sqrt());
        let known = self.wash == 0 || self.before.is_some_and(|before| level > before - MOVED);
        self.phase == Phase::Return && self.slow.is_none() && known && level < self.present - far
    }

    /// Ends the first return with this tick. What was seen before the reference was left may be of another load, and is of no
    /// use any more: the present value is seen again right after.
    fn cut_return_short(&mut self, seen: Seen, level: f64) -> Step {
        let [reference, present] = &mut self.ticks;
        *reference = Block(vec![seen]);
        self.evidence = Evidence::default();
        self.evidence.block(self.metric, present);
        self.evidence.block(self.metric, reference);
        self.keep(level);
        self.phase = Phase::Again(level);
        self.take(Side::Present, 1.0)
    }

    /// Whether the cache is still filling again after the return.
    fn refilling(&mut self, level: f64) -> bool {
        let (Some(waited), Some(before), Phase::Return) = (&mut self.slow, self.before, self.phase) else {
            return false;
        };
        *waited += 1;
        self.refilled += (1.0 - (level - before).exp()).clamp(0.0, 1.0);
        level < before - RECOVERED && *waited <= SLOW
    }

    fn compare(&mut self) -> Step {
        let Some(level) = self.running.level(self.metric) else { return Step::Stay };
        let whole = count(self.running.len()) >= to_f64(self.plan.block_ticks);
        let present = self.present;
        let stale = whole && self.before.is_some_and(|before| (before - level).abs() > MOVED);
        // What was seen before is of another load: the return says nothing of it, unless the present value is far off both,
        // as where it was turned while a cache filled.
        let apart =
            |before: f64| (before.max(level) + MOVED < present) || (present + MOVED < before.min(level));
        if stale && self.phase == Phase::Return {
            self.before = self.before.filter(|before| apart(*before));
        }
        let first = match (self.phase, self.before) {
            (Phase::Return, Some(before)) if stale => {
                // The nearer one is the careful side already.
                Some((present - present.clamp(before.min(level), before.max(level)), None))
            }
            (Phase::Return, Some(before)) => {
                Some((present - f64::midpoint(before, level), Some(before - level)))
            }
            (Phase::Again(returned), _) => {
                Some((f64::midpoint(present, level) - returned, Some(present - level)))
            }
            _ => None,
        };
        if let Some((difference, itself)) = first {
            let mut evidence = self.evidence.clone();
            evidence.block(self.metric, &self.running);
            evidence.pair(difference);
            itself.into_iter().for_each(|itself| evidence.same(itself));
            let concluded = evidence.conclusion();
            if whole || concluded.is_some() {
                self.evidence = evidence;
                self.keep(level);
                return concluded.map_or_else(|| self.next_pair(), |concluded| Step::End(concluded.into()));
            }
            return Step::Stay;
        }
        if !whole {
            return Step::Stay;
        }
        self.evidence.block(self.metric, &self.running);
        self.keep(level);
        match self.phase {
            Phase::Return | Phase::Again(_) => {
                self.phase = Phase::Again(level);
                self.take(Side::Present, 1.0)
            }
            Phase::First => {
                self.phase = Phase::Second(level);
                self.take(self.side.other(), 0.5)
            }
            Phase::Second(first) => {
                let ahead = if self.side == Side::Present { level - first } else { first - level };
                self.evidence.pair(ahead);
                if let Some(concluded) = self.evidence.conclusion() {
                    return Step::End(concluded.into());
                }
                if self.load_changed() {
                    return Step::End(Ending::LoadChanged);
                }
                if self.turns_cost() {
                    return Step::End(Ending::Costly);
                }
                self.next_pair()
            }
        }
    }

    fn keep(&mut self, level: f64) {
        let [reference, present] = &mut self.levels;
        match self.side {
            Side::Reference => reference.push(level),
            Side::Present => present.push(level),
        }
    }

    /// Whether the last blocks of both sides are far from those before, in one direction.
    fn load_changed(&self) -> bool {
        let step = |levels: &[f64]| {
            let (last, before) = levels.split_last()?;
            (before.len() >= MOVED_PAIRS).then(|| last - before.iter().sum::<f64>() / count(before.len()))
        };
        let [reference, present] = &self.levels;
        let steps = step(reference).zip(step(present));
        steps.is_some_and(|(a, b)| a.signum() == b.signum() && a.abs().min(b.abs()) > MOVED)
    }

    /// Whether the present value serves less in turns than it did before: what the other one left lasts longer than the wash-in,
    /// as tasks do that never get an answer, or the wash-in alone costs too much.
    fn turns_cost(&self) -> bool {
        if self.turned >= COSTLY_TURNS && self.turning > COSTLY_TURN * self.turned {
            return true;
        }
        let [_, present] = &self.levels;
        let mean = present.iter().sum::<f64>() / count(present.len()).max(1.0);
        present.len() >= COSTLY_BLOCKS && mean < self.present - COSTLY
    }

    fn next_pair(&mut self) -> Step {
        if self.blocks.saturating_add(2) > self.plan.blocks {
            return Step::End(Ending::NoDifference);
        }
        self.phase = Phase::First;
        let side = if mix(self.seed ^ self.blocks) & 1 == 0 { Side::Reference } else { Side::Present };
        self.take(side, 0.5)
    }

    fn take(&mut self, side: Side, probability: f64) -> Step {
        // What goes on at the same side has nothing to wash out.
        self.wash = if side == self.side { 0 } else { self.plan.wash_in_ticks };
        if side == Side::Present && side != self.side {
            self.turned += 1.0;
        }
        self.side = side;
        self.running = Block::default();
        self.blocks += 1;
        Step::Take(side, probability)
    }
}

impl From<Conclusion> for Ending {
    fn from(concluded: Conclusion) -> Self {
        match concluded {
            Conclusion::Better => Self::Better,
            Conclusion::Worse => Self::Worse,
            Conclusion::Same => Self::NoDifference,
        }
    }
}
