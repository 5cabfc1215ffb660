//! What turns a dial in this run.
//!
//! Whoever puts a host together registers an actuator under the name of each dial. A dial without one is `unavailable` in
//! this run: there are no pools in virtual time, for example.

use std::collections::BTreeMap;

use host_contract::{Dial, Range, Value};

/// Turns one dial.
pub trait Actuator: Send {
    /// What the dial can take now; none where there is nothing to turn.
    fn range(&self) -> Option<Range>;

    /// The value in force.
    fn value(&self) -> Value;

    /// Puts a value of the range in force.
    ///
    /// # Errors
    /// Why it could not, in words. The value before stays in force.
    fn apply(&mut self, value: &Value) -> Result<(), String>;
}

/// The actuators of a host, by dial.
#[derive(Default)]
pub struct Actuators(BTreeMap<Dial, Box<dyn Actuator>>);

impl Actuators {
    /// The same with an actuator for `dial`; one that was there before is replaced.
    #[must_use]
    pub fn with(mut self, dial: Dial, actuator: impl Actuator + 'static) -> Self {
        self.0.insert(dial, Box::new(actuator));
        self
    }

    /// What a dial can take now; none where nothing is behind it.
    #[must_use]
    pub fn range(&self, dial: Dial) -> Option<Range> {
        self.0.get(&dial)?.range()
    }

    /// The value in force; none where nothing is behind the dial.
    #[must_use]
    pub fn value(&self, dial: Dial) -> Option<Value> {
        self.0.get(&dial).map(|actuator| actuator.value())
    }

    /// The value in force of every dial that has an actuator.
    #[must_use]
    pub fn values(&self) -> BTreeMap<Dial, Value> {
        self.0.iter().map(|(dial, actuator)| (*dial, actuator.value())).collect()
    }

    /// Puts a value in force.
    ///
    /// # Errors
    /// Why the actuator could not, or that there is none.
    pub fn apply(&mut self, dial: Dial, value: &Value) -> Result<(), String> {
        match self.0.get_mut(&dial) {
            Some(actuator) => actuator.apply(value),
            None => Err("unavailable in this run".to_owned()),
        }
    }
}

impl std::fmt::Debug for Actuators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.values()).finish()
    }
}
