//! The shadows of a run, as the control loop chooses what they follow.

use std::sync::Arc;

use host_cache::Shadows;
use host_contract::Names;
use host_control::ShadowControl;

use crate::policies::Policies;
use crate::wiring::ALL_CAPACITIES;

/// The shadows of a run, if it has any.
pub(crate) struct Following<'a> {
    pub(crate) shadows: Option<&'a mut Shadows>,
    /// Policies that may be followed at once.
    pub(crate) budget: u32,
    /// The policies that they can follow.
    pub(crate) policies: &'a Arc<Policies>,
}

impl ShadowControl for Following<'_> {
    fn followed(&self) -> Vec<String> {
        let policies = self.shadows.as_ref().map(|shadows| shadows.policies()).unwrap_or_default();
        policies.iter().map(ToString::to_string).collect()
    }

    fn known(&self) -> Option<Names> {
        self.shadows.as_ref().map(|_| self.policies.range())
    }

    fn budget(&self) -> u32 {
        if self.shadows.is_some() { self.budget } else { 0 }
    }

    fn follow(&mut self, policies: &[String]) -> Result<(), String> {
        let shadows = self.shadows.as_mut().ok_or("this run has no shadows")?;
        let found: Result<Vec<_>, _> = policies.iter().map(|name| self.policies.parse(name)).collect();
        shadows.follow(&found.map_err(|error| error.to_string())?);
        Ok(())
    }

    fn follow_capacities(&mut self) {
        if let Some(shadows) = &mut self.shadows {
            shadows.set_factors(&ALL_CAPACITIES);
        }
    }
}
