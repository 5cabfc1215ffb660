//! A strategy in some ticks: under its limits, and twice the same.

use std::collections::BTreeSet;
use std::time::Duration;

use host_contract::{Acceptance, Grant, Refusal};
use host_control::{Fault, LogLine, ProposalContext, Strategy, Usage};
use host_plugin::{Limits, LoadError, Plugin, Time, WasmStrategy};
use host_profile::Settings;
use host_runtime::strategies::limits;

use super::{Findings, megabytes, milliseconds, thousands};
use crate::figures::{Figures, Fill, TICKS, context};

/// The seed of the instances that are compared, and that of a third one.
const SEEDS: (u64, u64) = (1, 2);

/// What became of one tick.
struct Ticked {
    tick: u64,
    fill: Fill,
    context: ProposalContext,
    log: Vec<LogLine>,
    usage: Usage,
    fault: Option<Fault>,
}

impl Ticked {
    /// Everything that a run would see of it, so that two can be compared.
    fn seen(&self) -> String {
        let Self { context, log, fault, usage, .. } = self;
        format!("{context:?} {log:?} {fault:?} {}", usage.fuel)
    }
}

/// Runs a strategy through [`TICKS`] with what it imports granted, whether the profile grants it or not: that is a
/// finding of its own.
pub(super) fn run(plugin: &Plugin, settings: &Settings, findings: &mut Findings) {
    let grants: BTreeSet<Grant> = plugin.inspection().grants().into_iter().collect();
    let table = settings.strategy(plugin.name());
    let own = limits(table.map_or(&settings.limits, |table| &table.limits), Time::Machine);
    let given = table.map(|table| table.settings.clone()).unwrap_or_default();
    let start = |seed| plugin.start(&grants, &given, &own, seed);
    let [first, second, third] = match instances(start) {
        Ok(instances) => instances,
        Err(error) => {
            findings.refused(&error);
            return;
        }
    };
    starts(first.start_usage(), &own, findings);
    let first = ticks(first, &grants, SEEDS.0);
    used(&first, &own, findings);
    asked(&first, findings);
    let second = ticks(second, &grants, SEEDS.0);
    let third = ticks(third, &grants, SEEDS.1);
    alike(&first, &second, &third, findings);
}

/// Two instances with one seed, and one with another.
fn instances(start: impl Fn(u64) -> Result<WasmStrategy, LoadError>) -> Result<[WasmStrategy; 3], LoadError> {
    Ok([start(SEEDS.0)?, start(SEEDS.0)?, start(SEEDS.1)?])
}

/// Calls a strategy tick by tick; the first fault is the last tick. The figures are those of one run whatever the seed of
/// the strategy.
fn ticks(mut strategy: impl Strategy, grants: &BTreeSet<Grant>, seed: u64) -> Vec<Ticked> {
    let declared = strategy.identity().dials.clone();
    let mut figures = Figures::new(SEEDS.0).of_run(seed);
    let mut done = Vec::new();
    for (tick, fill) in (1..).zip(TICKS) {
        let response = strategy.tick(figures.next(fill), context(tick, grants, &declared));
        let (context, log, usage, fault) = (response.context, response.log, response.usage, response.fault);
        let ends = fault.is_some();
        done.push(Ticked { tick, fill, context, log, usage, fault });
        if ends {
            break;
        }
    }
    done
}

fn starts(usage: Usage, limits: &Limits, findings: &mut Findings) {
    let most = limits.fuel.saturating_mul(Limits::START_FUEL_FACTOR);
    let text = format!(
        "{} of {} units of fuel, {} of {}",
        thousands(usage.fuel),
        thousands(most),
        megabytes(usage.memory_bytes),
        megabytes(limits.memory_bytes)
    );
    if usage.fuel > most / 2 {
        let advice = "do less in `describe` and in what runs before it, or raise `limits.fuel`";
        findings.note("start", format!("{text}: more than half; {advice}"));
    } else {
        findings.sound("start", text);
    }
}

fn used(ticks: &[Ticked], limits: &Limits, findings: &mut Findings) {
    if let Some(Ticked { tick, fill, fault: Some(fault), .. }) = ticks.last() {
        findings.wrong("tick", format!("tick {tick}, {}: {fault}", fill.words()));
        return;
    }
    let slowest = ticks.iter().map(|ticked| ticked.usage.wall).max().unwrap_or(Duration::ZERO);
    let fuel = ticks.iter().map(|ticked| ticked.usage.fuel).max().unwrap_or(0);
    let memory = ticks.iter().map(|ticked| ticked.usage.memory_bytes).max().unwrap_or(0);
    let text = format!(
        "{} ticks, at most {} of {}, {} of {} units of fuel, {} of {}",
        ticks.len(),
        milliseconds(slowest),
        milliseconds(limits.deadline),
        thousands(fuel),
        thousands(limits.fuel),
        megabytes(memory),
        megabytes(limits.memory_bytes)
    );
    let near = [
        (slowest > limits.deadline / 2, "deadline"),
        (fuel > limits.fuel / 2, "fuel"),
        (memory > limits.memory_bytes / 2, "memory"),
    ];
    let keys: Vec<String> =
        near.iter().filter(|(near, _)| *near).map(|(_, key)| format!("`limits.{key}`")).collect();
    if keys.is_empty() {
        findings.sound("tick", text);
    } else {
        let keys = keys.join(" and ");
        findings.note(
            "tick",
            format!("{text}: more than half of a limit; raise {keys} in its table, or do less"),
        );
    }
}

/// What it proposed, and what it was refused.
fn asked(ticks: &[Ticked], findings: &mut Findings) {
    let mut accepted = 0_u64;
    let mut objections: Vec<String> = Vec::new();
    let mut refused = 0_u64;
    for ticked in ticks {
        let dials = ticked.context.proposals().iter();
        let dials = dials.map(|proposal| (proposal.dial.name().to_owned(), &proposal.answer));
        let rules = ticked.context.rule_proposals().iter();
        let rules = rules.map(|proposal| (format!("rule {}", proposal.id), &proposal.answer));
        for (what, answer) in dials.chain(rules) {
            match answer {
                Ok(Acceptance::Accepted) => accepted += 1,
                Ok(Acceptance::Clamped(to)) => {
                    accepted += 1;
                    objections.push(format!("{what} clamped to {to}"));
                }
                Err(Refusal::CoolingDown(_)) => refused += 1,
                Err(refusal) => {
                    refused += 1;
                    objections.push(format!("{what} refused: {refusal}"));
                }
            }
        }
        refused += ticked.context.ignored();
    }
    let text = format!("{accepted} taken and {refused} refused in figures that were made up");
    match objections.first() {
        None => findings.sound("proposals", text),
        Some(first) => findings.note("proposals", format!("{text}; the first one objected to: {first}")),
    }
}

/// Whether two fresh instances answer alike.
fn alike(first: &[Ticked], second: &[Ticked], third: &[Ticked], findings: &mut Findings) {
    let differs = |other: &[Ticked]| {
        let pairs = first.iter().zip(other);
        let tick = pairs.clone().find(|(a, b)| a.seen() != b.seen()).map(|(a, _)| a.tick);
        tick.or_else(|| {
            (first.len() != other.len()).then(|| first.len().min(other.len()).try_into().unwrap_or(0))
        })
    };
    if let Some(tick) = differs(second) {
        let text = format!(
            "tick {tick}: two fresh instances with one seed and the same figures did not answer alike, so that no run can \
             be repeated; report it with the component: the host hands every instance the same"
        );
        findings.wrong("determinism", text);
        return;
    }
    let ticks = match first.len() {
        1 => "1 tick".to_owned(),
        ticks => format!("{ticks} ticks"),
    };
    let text = format!("two fresh instances answered alike in {ticks}");
    match differs(third) {
        None => findings.sound("determinism", text),
        Some(tick) => {
            findings.note(
                "determinism",
                format!("{text}; with another seed tick {tick} differs: it uses chance"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use host_contract::{Snapshot, Value, dial};
    use host_control::{Identity, Response};

    use super::super::Verdict;
    use super::*;

    /// Proposes so many bytes, and fails in a tick.
    struct Fake {
        identity: Identity,
        bytes: u64,
        fails_in: u64,
    }

    impl Strategy for Fake {
        fn identity(&self) -> &Identity {
            &self.identity
        }

        fn tick(&mut self, snapshot: Arc<Snapshot>, mut context: ProposalContext) -> Response {
            let _ = context.propose(dial::CACHE_CAPACITY, Value::Count(self.bytes + snapshot.tick));
            let fault = (snapshot.tick == self.fails_in).then(|| Fault::Answer("no".to_owned()));
            Response { context, usage: Usage::default(), log: Vec::new(), fault }
        }

        fn restart(&mut self) -> Result<Usage, Fault> {
            Ok(Usage::default())
        }
    }

    fn fake(bytes: u64, fails_in: u64) -> Vec<Ticked> {
        let identity = Identity {
            name: "fake".to_owned(),
            version: "1.0.0".to_owned(),
            digest: String::new(),
            dials: vec!["cache-capacity".to_owned()],
        };
        ticks(Fake { identity, bytes, fails_in }, &Grant::ALL.into(), 1)
    }

    fn found(look: impl FnOnce(&mut Findings)) -> (Verdict, String) {
        let mut findings = Findings::default();
        look(&mut findings);
        let finding = findings.0.remove(0);
        (finding.verdict, finding.text)
    }

    #[test]
    fn instances_that_answer_differently_are_told_apart() {
        let (one, two, other) = (fake(20_000_000, 0), fake(20_000_000, 0), fake(30_000_000, 0));
        assert_eq!(found(|to| alike(&one, &two, &two, to)).0, Verdict::Sound);
        let (verdict, text) = found(|to| alike(&one, &two, &other, to));
        assert_eq!(verdict, Verdict::Note, "{text}");
        let (verdict, text) = found(|to| alike(&one, &other, &two, to));
        assert!(verdict == Verdict::Wrong && text.starts_with("tick 1: "), "{text}");
        let (verdict, text) = found(|to| alike(&one, &fake(20_000_000, 4), &two, to));
        assert!(verdict == Verdict::Wrong && text.starts_with("tick 4: "), "{text}");
    }

    #[test]
    fn a_fault_is_told_with_its_tick_and_what_it_showed() {
        let (verdict, text) = found(|to| used(&fake(1, 7), &Limits::default(), to));
        assert_eq!(verdict, Verdict::Wrong);
        assert_eq!(text, "tick 7, in which nothing was asked for: answered: no");
    }

    #[test]
    fn what_was_objected_to_is_told() {
        let (verdict, text) = found(|to| asked(&fake(1, 0), to));
        assert_eq!(verdict, Verdict::Note);
        assert!(
            text.contains("12 taken and 0 refused") && text.contains("cache-capacity clamped to"),
            "{text}"
        );
    }
}
