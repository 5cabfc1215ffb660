//! LIRS's parameters.

use crate::parameters::{BadParameter, Decimal, Parameter, Tunable};

/// HIR's share: the paper's 1 %.
const HIR_SHARE: Parameter =
    Parameter::share("hir", Decimal::percent(1), "the share of the capacity for entries not used again soon");

/// What non-resident ids weigh at most.
const NON_RESIDENT: Parameter =
    Parameter::ghosts(Decimal::whole(1), "what is remembered of evicted entries, in capacities");

/// LIRS's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    pub(super) hir: Decimal,
    pub(super) ghosts: Decimal,
}

impl Parameters {
    /// HIR's share of the capacity, and what non-resident ids weigh at most, in capacities.
    ///
    /// # Errors
    /// [`BadParameter`]: one is out of range.
    pub fn new(hir: Decimal, ghosts: Decimal) -> Result<Self, BadParameter> {
        Self { hir, ghosts }.checked("lirs")
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Tunable for Parameters {
    const KNOWN: &'static [Parameter] = &[HIR_SHARE, NON_RESIDENT];
    const DEFAULT: Self = Self { hir: HIR_SHARE.default, ghosts: NON_RESIDENT.default };

    fn values(&mut self) -> Vec<&mut Decimal> {
        vec![&mut self.hir, &mut self.ghosts]
    }
}
