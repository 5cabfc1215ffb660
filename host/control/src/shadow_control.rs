//! Which policies the shadows follow, as the loop changes it.
//!
//! What a strategy asks for is put in force after every dial of the tick. Where several ask in one tick, the one of the
//! highest priority counts.

use host_contract::Names;

/// Chooses the policies that the shadows follow.
pub trait ShadowControl: Send {
    /// Policies followed now, in the order of the snapshot's shadows.
    fn followed(&self) -> Vec<String>;

    /// Policies that can be followed; none where this run has no shadows.
    fn known(&self) -> Option<Names>;

    /// Policies that may be followed at once; 0 where this run has no shadows.
    fn budget(&self) -> u32;

    /// Follows exactly these from now on. A policy that was followed before keeps its estimates.
    ///
    /// # Errors
    /// Why it could not, in words. The policies before are still followed.
    fn follow(&mut self, policies: &[String]) -> Result<(), String>;

    /// Runs every shadow at half and at twice the capacity as well from now on.
    fn follow_capacities(&mut self);
}

/// A run without shadows.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoShadows;

impl ShadowControl for NoShadows {
    fn followed(&self) -> Vec<String> {
        Vec::new()
    }

    fn known(&self) -> Option<Names> {
        None
    }

    fn budget(&self) -> u32 {
        0
    }

    fn follow(&mut self, _: &[String]) -> Result<(), String> {
        Err("this run has no shadows".to_owned())
    }

    fn follow_capacities(&mut self) {}
}
