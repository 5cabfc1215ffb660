//! W-TinyLFU's parameters.

use crate::parameters::{BadParameter, Decimal, Parameter, Tunable};

const WINDOW_SHARE: Parameter = Parameter::share(
    "window",
    Decimal::percent(1),
    "the share of the capacity that newcomers have before the main part, at the start where it changes",
);

/// W-TinyLFU's parameters, with a fixed window and one that moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    pub(super) window: Decimal,
}

impl Parameters {
    /// The window's share of the capacity, which is rounded up.
    ///
    /// # Errors
    /// [`BadParameter`]: it is out of range.
    pub fn new(window: Decimal) -> Result<Self, BadParameter> {
        Self { window }.checked("w-tinylfu")
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Tunable for Parameters {
    const KNOWN: &'static [Parameter] = &[WINDOW_SHARE];
    const DEFAULT: Self = Self { window: WINDOW_SHARE.default };

    fn values(&mut self) -> Vec<&mut Decimal> {
        vec![&mut self.window]
    }
}
