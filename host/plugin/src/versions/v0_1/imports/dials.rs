//! The `dials` interface: what a dial can take, why it is turned, and what became of proposals.

use super::{MAX_REASON, RECORD};
use crate::names;
use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin::dials;

/// Most outcomes answered at once, as `wit/dials.wit` says.
const MAX_OUTCOMES: u32 = 256;

impl StoreData {
    /// Charges for a call that names a dial and is answered so many numbers.
    fn charge_for_dial(&self, name: &str, numbers: usize) -> wasmtime::Result<()> {
        self.charge(numbers)?;
        self.charge_bytes(name.len())
    }
}

impl dials::Host for StoreData {
    fn names(&mut self) -> wasmtime::Result<Vec<String>> {
        let names = self.context.dial_names();
        self.charge(names.len())?;
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn range(&mut self, dial: String) -> wasmtime::Result<Option<dials::DialRange>> {
        self.charge_for_dial(&dial, 3)?;
        let range = self.context.range(&dial);
        Ok(range.map(|range| dials::DialRange {
            minimum: range.minimum,
            maximum: range.maximum,
            value: range.value,
        }))
    }

    fn choices(&mut self, dial: String) -> wasmtime::Result<Vec<String>> {
        let choices = self.context.choices(&dial).to_vec();
        self.charge_for_dial(&dial, choices.len())?;
        Ok(choices)
    }

    fn choice(&mut self, dial: String) -> wasmtime::Result<Option<String>> {
        self.charge_for_dial(&dial, 1)?;
        Ok(self.context.choice(&dial).map(str::to_owned))
    }

    fn free_from_tick(&mut self, dial: String) -> wasmtime::Result<Option<u64>> {
        self.charge_for_dial(&dial, 1)?;
        Ok(self.context.free_from_tick(&dial))
    }

    fn explain(&mut self, dial: String, reason: String) -> wasmtime::Result<()> {
        self.charge_for_dial(&dial, 0)?;
        self.charge_bytes(reason.len())?;
        self.context.explain(&dial, &names::sanitize(&reason, MAX_REASON));
        Ok(())
    }

    fn outcomes(&mut self, max: u32) -> wasmtime::Result<Vec<dials::Outcome>> {
        let outcomes: Vec<_> = self.context.outcomes(max.min(MAX_OUTCOMES)).map(outcome).collect();
        self.charge(outcomes.len() * RECORD)?;
        Ok(outcomes)
    }
}

fn outcome(outcome: &host_control::Outcome) -> dials::Outcome {
    let effect = outcome.effect.as_ref();
    dials::Outcome {
        tick: outcome.tick,
        dial: outcome.dial.name().to_owned(),
        proposed: outcome.proposed.to_string(),
        verdict: outcome.verdict.name().to_owned(),
        by: outcome.by.clone(),
        metric: effect.map_or_else(String::new, |effect| effect.metric.to_owned()),
        measured: effect.map(|effect| effect.measured),
        counterfactual: effect.and_then(|effect| effect.counterfactual),
    }
}
