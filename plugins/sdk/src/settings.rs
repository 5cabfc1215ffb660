//! Typed settings, declared once.
//!
//! [`settings!`](crate::settings!) makes a struct from names, types, defaults and what is allowed. The host
//! gets the declaration through `describe`, checks the profile against it and hands over text; the
//! strategy reads it back typed. A value that does not fit is answered with
//! [`TickError::BadSetting`], so that the operator is told the name and what was expected.

mod allowed;
mod value;

pub use allowed::{Allowed, Anything};
pub use value::Value;

use crate::types::{Setting, TickError};

/// Where settings come from: none where the profile does not give one.
pub trait Source: Fn(&str) -> Option<String> {}
impl<F: Fn(&str) -> Option<String>> Source for F {}

/// A set of settings; made by [`settings!`](crate::settings!).
pub trait Settings: Sized {
    /// What `describe` tells the host.
    fn declare() -> Vec<Setting>;

    /// Reads them all.
    ///
    /// # Errors
    /// [`TickError::BadSetting`] for a text that is not of the setting's type, or not among what it allows.
    fn read(source: impl Source) -> Result<Self, TickError>;
}

/// For a strategy that has no settings.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoSettings;

impl Settings for NoSettings {
    fn declare() -> Vec<Setting> {
        Vec::new()
    }

    fn read(_: impl Source) -> Result<Self, TickError> {
        Ok(Self)
    }
}

/// The key of a field: words joined by hyphens.
#[doc(hidden)]
#[must_use]
pub fn key(field: &str) -> String {
    field.trim_start_matches("r#").replace('_', "-")
}

/// One setting of the declaration.
#[doc(hidden)]
#[must_use]
pub fn declare<T: Value>(field: &str, summary: &str, default: &T, allowed: &impl Allowed<T>) -> Setting {
    Setting {
        name: key(field),
        summary: summary.trim().to_owned(),
        kind: T::KIND,
        default: default.to_string(),
        minimum: allowed.minimum(),
        maximum: allowed.maximum(),
        choices: allowed.choices(),
    }
}

/// One setting's value.
#[doc(hidden)]
pub fn read<T: Value>(
    source: &impl Source,
    field: &str,
    default: T,
    allowed: &impl Allowed<T>,
) -> Result<T, TickError> {
    let key = key(field);
    let Some(text) = source(&key) else { return Ok(default) };
    match T::parse(&text) {
        Some(value) if allowed.contains(&value) => Ok(value),
        _ => {
            let expected = format!("{}{}, not `{text}`", T::EXPECTED, allowed.in_words());
            Err(TickError::BadSetting((key, expected)))
        }
    }
}

/// Declares a struct of settings: the doc comment of a field is the one-line summary that the host
/// shows, its name with hyphens is the key in a profile. Types: `f64`, `u32`, `u64`, `i64`, `bool`, `String` (whose
/// default is a literal too).
///
/// What is allowed follows `in` and is optional: of a number a range with its end (`0.0..=1.0`) or without one (`1..`),
/// of a text a list of choices (`["fast", "small"]`). The host checks a profile against it before the component runs.
///
/// ```
/// strategy_sdk::settings! {
///     /// What a profile may set.
///     pub struct Limits {
///         /// Lead in hit ratio that is worth a change
///         margin: f64 = 0.01 in 0.0..=1.0,
///         /// Ticks between two changes
///         dwell_ticks: u64 = 4,
///         /// What to save
///         saves: String = "time" in ["time", "memory"],
///     }
/// }
///
/// use strategy_sdk::Settings as _;
/// assert_eq!(Limits::declare()[0].maximum, Some(1.0));
/// assert_eq!(Limits::default().saves, "time");
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(#[doc = $summary:literal] $field:ident: $type:ty = $default:literal $(in $allowed:expr)?),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq)]
        $visibility struct $name {
            $(#[doc = $summary] pub $field: $type,)*
        }

        impl ::std::default::Default for $name {
            fn default() -> Self {
                Self { $($field: <$type as $crate::settings::Value>::of($default),)* }
            }
        }

        impl $crate::settings::Settings for $name {
            fn declare() -> ::std::vec::Vec<$crate::types::Setting> {
                let default = Self::default();
                ::std::vec![$($crate::settings::declare::<$type>(
                    stringify!($field), $summary, &default.$field, &$crate::__allowed!($($allowed)?),
                )),*]
            }

            fn read(source: impl $crate::settings::Source) -> ::std::result::Result<Self, $crate::TickError> {
                let default = Self::default();
                ::std::result::Result::Ok(Self {
                    $($field: $crate::settings::read(
                        &source, stringify!($field), default.$field, &$crate::__allowed!($($allowed)?),
                    )?,)*
                })
            }
        }
    };
}

/// What a setting allows; anything where nothing is said.
#[doc(hidden)]
#[macro_export]
macro_rules! __allowed {
    () => {
        $crate::settings::Anything
    };
    ($allowed:expr) => {
        $allowed
    };
}

#[cfg(test)]
mod tests;
