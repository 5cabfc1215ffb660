//! An eviction policy with some thousand events: what it answers is held against the host's own record of the residents, under
//! its limits, in batches of different lengths, and twice the same.

use std::time::Duration;

use host_plugin::{PolicyPlugin, WasmPolicy};
use host_policy::Registry;
use host_policy::batched::Opening;

use super::{Findings, megabytes, milliseconds, thousands};
use crate::events::{Batches, Failure, Outcome, Owner, Slots};

/// Requests that are served in one go.
const REQUESTS: u64 = 4_096;

/// A capacity, and whether entries differ in weight.
const OPENINGS: [Opening; 3] = [
    Opening { capacity: 200, weighed: false, seed: 1 },
    Opening { capacity: 20_000, weighed: true, seed: 1 },
    // The least that there is: every entry makes room for the next one.
    Opening { capacity: 1, weighed: false, seed: 1 },
];

/// The length of a batch where it is always the same.
const BATCH: Batches = Batches::Of(64);

/// What the calls cost at most.
#[derive(Default)]
struct Most {
    time: Duration,
    memory: u64,
    events: u64,
}

/// Serves requests with a policy, and looks at what it answers.
pub(super) fn run(plugin: &PolicyPlugin, findings: &mut Findings) {
    twin(plugin, findings);
    let mut most = Most::default();
    let mut fault = None;
    for opening in OPENINGS {
        for slots in [Slots::Fixed, Slots::Reused] {
            if let Err(found) = life(plugin, opening, slots, &mut most) {
                fault.get_or_insert_with(|| format!("{}: {found}", words(opening)));
            }
        }
    }
    match fault {
        Some(found) => {
            let advice = "`wit/eviction.wit` says what an answer has to hold";
            findings.wrong("batch", format!("{found}; {advice}"));
            // What follows would say the same once more.
            return;
        }
        None => used(plugin, &most, findings),
    }
    match alike(plugin) {
        Ok(()) => {}
        Err(difference) => {
            findings.wrong("determinism", difference);
            return;
        }
    }
    let text = "two fresh instances answered alike, in batches of any length";
    match seeds(plugin) {
        Ok(true) => findings.sound("determinism", text),
        Ok(false) => {
            findings.note("determinism", format!("{text}; another seed gives other victims: it uses chance"))
        }
        Err(failure) => findings.wrong("determinism", format!("with another seed it fails: {failure}")),
    }
}

/// Says whether there is something to compare with.
fn twin(plugin: &PolicyPlugin, findings: &mut Findings) {
    if Registry::default().get(plugin.name()).is_ok() {
        let name = plugin.name();
        let text =
            format!("a native policy is called `{name}`, too: `host plugin test` and `bench` show both");
        findings.sound("twin", text);
    }
}

fn words(opening: Opening) -> String {
    let Opening { capacity, weighed, .. } = opening;
    let weights = if weighed { ", entries of different weights" } else { "" };
    format!("capacity {}{weights}", thousands(capacity))
}

fn start(plugin: &PolicyPlugin, opening: Opening, slots: Slots) -> Result<Owner<WasmPolicy>, String> {
    let policy = plugin.start(opening).map_err(|error| error.to_string())?;
    Ok(Owner::new(policy, opening, slots))
}

/// All that happens to a policy in a cache: requests, another capacity, a change to another instance.
fn life(plugin: &PolicyPlugin, opening: Opening, slots: Slots, most: &mut Most) -> Result<(), String> {
    let text = |failure: Failure| failure.to_string();
    let mut owner = start(plugin, opening, slots)?;
    let served = owner.serve(0..REQUESTS, BATCH).and_then(|()| {
        owner.resize((opening.capacity / 2).max(1))?;
        owner.serve(REQUESTS..REQUESTS + 512, BATCH)?;
        owner.resize(opening.capacity)?;
        owner.serve(REQUESTS + 512..REQUESTS + 1_024, BATCH)
    });
    most.note(&owner);
    served.map_err(text)?;
    let entries = owner.hand_over().map_err(|failure| format!("`hand-over`: {}", failure.reason))?;
    let mut heir = start(plugin, opening, slots)?;
    heir.take_over(&owner, &entries).map_err(|failure| format!("`take-over`: {}", failure.reason))?;
    let served = heir.serve(REQUESTS + 1_024..REQUESTS + 2_048, BATCH);
    most.note(&heir);
    served.map_err(|failure| format!("after `take-over`: {failure}"))
}

impl Most {
    fn note(&mut self, owner: &Owner<WasmPolicy>) {
        self.time = self.time.max(owner.slowest());
        self.memory = self.memory.max(owner.policy().memory_bytes());
        self.events += owner.outcome().events;
    }
}

fn used(plugin: &PolicyPlugin, most: &Most, findings: &mut Findings) {
    let limits = plugin.limits();
    let text = format!(
        "{} events at capacities of {}, every answer fits the host's own record; at most {} of {} a call, {} of {}",
        thousands(most.events),
        OPENINGS.map(|opening| thousands(opening.capacity)).join(", "),
        milliseconds(most.time),
        milliseconds(limits.deadline),
        megabytes(most.memory),
        megabytes(limits.memory_bytes)
    );
    if most.time > limits.deadline / 2 || most.memory > limits.memory_bytes / 2 {
        findings.note(
            "batch",
            format!("{text}: more than half of a limit; a list by slot should be all it needs"),
        );
    } else {
        findings.sound("batch", text);
    }
}

fn outcome(plugin: &PolicyPlugin, opening: Opening, batches: Batches) -> Result<Outcome, String> {
    let mut owner = start(plugin, opening, Slots::Fixed)?;
    owner.serve(0..REQUESTS, batches).map_err(|failure| failure.to_string())?;
    Ok(owner.outcome().clone())
}

/// Whether what leaves depends on the events alone.
fn alike(plugin: &PolicyPlugin) -> Result<(), String> {
    for opening in OPENINGS {
        let first = outcome(plugin, opening, BATCH)?;
        let again = outcome(plugin, opening, BATCH)?;
        let cut = outcome(plugin, opening, Batches::UpTo(97))?;
        if let Some(event) = differs(&first, &again) {
            return Err(format!(
                "{}, event {event}: two fresh instances told the same did not answer alike, so that no run can be repeated; \
                 use no chance but `opening.seed`",
                words(opening)
            ));
        }
        if let Some(event) = differs(&first, &cut) {
            return Err(format!(
                "{}, event {event}: another entry leaves where batches end elsewhere; what it answers may depend on the \
                 events alone, so decide at each event and keep nothing for the end of a batch",
                words(opening)
            ));
        }
    }
    Ok(())
}

/// Whether another seed gives the same victims.
fn seeds(plugin: &PolicyPlugin) -> Result<bool, String> {
    for opening in OPENINGS {
        let one = outcome(plugin, opening, BATCH)?;
        let two = outcome(plugin, Opening { seed: opening.seed + 1, ..opening }, BATCH)?;
        if differs(&one, &two).is_some() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first event at which another entry leaves.
fn differs(one: &Outcome, two: &Outcome) -> Option<u64> {
    let differ = one.victims.iter().zip(&two.victims).find(|(a, b)| a != b);
    let first = differ.map(|(a, b)| a.0.min(b.0));
    let more = one.victims.len().min(two.victims.len());
    first.or_else(|| one.victims.get(more).or(two.victims.get(more)).map(|(event, _)| *event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_event_that_differs_is_told() {
        let of = |victims: &[(u64, u64)]| Outcome { victims: victims.to_vec(), events: 9, hits: 0 };
        let one = of(&[(1, 7), (4, 8)]);
        assert_eq!(differs(&one, &of(&[(1, 7), (4, 8)])), None);
        assert_eq!(differs(&one, &of(&[(1, 7), (4, 9)])), Some(4));
        assert_eq!(differs(&one, &of(&[(1, 7), (3, 8)])), Some(3));
        assert_eq!(differs(&one, &of(&[(1, 7)])), Some(4));
        assert_eq!(differs(&of(&[]), &one), Some(1));
    }
}
