//! Typed settings, declared once.
//!
//! [`settings!`](crate::settings!) makes a struct from names, types, defaults and ranges. The host
//! gets the declaration through `describe`, checks the profile against it and hands over text; the
//! strategy reads it back typed. A value that does not fit is answered with
//! [`TickError::BadSetting`], so that the operator is told the name and what was expected.

use crate::types::{Setting, SettingKind, TickError};
use std::ops::RangeBounds;

/// Where settings come from: none where the profile does not give one, an error where the host
/// could not read it.
pub trait Source: Fn(&str) -> Result<Option<String>, String> {}
impl<F: Fn(&str) -> Result<Option<String>, String>> Source for F {}

/// A set of settings; made by [`settings!`](crate::settings!).
pub trait Settings: Sized {
    /// What `describe` tells the host.
    fn declare() -> Vec<Setting>;

    /// Reads them all.
    ///
    /// # Errors
    /// [`TickError::BadSetting`] for a text that is not of the setting's type or out of its range.
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

/// A type that a setting may have.
pub trait Value: Sized {
    /// How the contract calls it.
    const KIND: SettingKind;
    /// How a person calls it.
    const EXPECTED: &'static str;
    /// What a default is written as in the declaration.
    type Literal;

    /// The default.
    fn of(literal: Self::Literal) -> Self;

    /// Reads it; none for a text that is not one.
    fn parse(text: &str) -> Option<Self>;
}

impl Value for f64 {
    const KIND: SettingKind = SettingKind::Number;
    const EXPECTED: &'static str = "a number";
    type Literal = Self;

    fn of(literal: Self::Literal) -> Self {
        literal
    }

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|number: &Self| number.is_finite())
    }
}

impl Value for bool {
    const KIND: SettingKind = SettingKind::Boolean;
    const EXPECTED: &'static str = "true or false";
    type Literal = Self;

    fn of(literal: Self::Literal) -> Self {
        literal
    }

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl Value for String {
    const KIND: SettingKind = SettingKind::Text;
    const EXPECTED: &'static str = "a text";
    type Literal = &'static str;

    fn of(literal: Self::Literal) -> Self {
        literal.to_owned()
    }

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

macro_rules! integer {
    ($($type:ty),*) => {$(
        impl Value for $type {
            const KIND: SettingKind = SettingKind::Integer;
            const EXPECTED: &'static str = "a whole number";
    type Literal = Self;

    fn of(literal: Self::Literal) -> Self {
        literal
    }


            fn parse(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }
        }
    )*};
}
integer!(u32, u64, i64);

/// The key of a field: kebab-case.
#[doc(hidden)]
#[must_use]
pub fn key(field: &str) -> String {
    field.replace('_', "-")
}

/// One setting of the declaration.
#[doc(hidden)]
#[must_use]
pub fn declare<T: Value>(field: &str, summary: &str, default: &str) -> Setting {
    Setting {
        name: key(field),
        summary: summary.trim().to_owned(),
        kind: T::KIND,
        default: default.to_owned(),
    }
}

/// One setting's value. `range` comes with its text, for the error.
#[doc(hidden)]
pub fn read<T: Value + PartialOrd>(
    source: &impl Source,
    field: &str,
    default: T,
    range: Option<(impl RangeBounds<T>, &str)>,
) -> Result<T, TickError> {
    let key = key(field);
    let text =
        source(&key).map_err(|error| TickError::Other(format!("cannot read setting `{key}`: {error}")))?;
    let Some(text) = text else { return Ok(default) };
    let value = T::parse(&text);
    match (value, range) {
        (Some(value), None) => Ok(value),
        (Some(value), Some((range, _))) if range.contains(&value) => Ok(value),
        (_, Some((_, range))) => {
            Err(TickError::BadSetting((key, format!("{} in {range}, not `{text}`", T::EXPECTED))))
        }
        (_, None) => Err(TickError::BadSetting((key, format!("{}, not `{text}`", T::EXPECTED)))),
    }
}

/// Declares a struct of settings: the doc comment of a field is the one-line summary that the host
/// shows, its name in kebab-case is the key in a profile. A range is optional. Types: `f64`, `u32`,
/// `u64`, `i64`, `bool`, `String` (whose default is a literal too).
///
/// ```
/// strategy_sdk::settings! {
///     /// What a profile may set.
///     pub struct Limits {
///         /// Lead in hit ratio that is worth a change.
///         margin: f64 = 0.01 in 0.0..=1.0,
///         /// Ticks between two changes.
///         dwell_ticks: u64 = 4,
///     }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(#[doc = $summary:literal] $field:ident: $type:ty = $default:literal $(in $range:expr)?),* $(,)?
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
                let mut declared = ::std::vec::Vec::new();
                let default = Self::default();
                $(declared.push($crate::settings::declare::<$type>(
                    stringify!($field), $summary, &default.$field.to_string(),
                ));)*
                declared
            }

            fn read(source: impl $crate::settings::Source) -> ::std::result::Result<Self, $crate::TickError> {
                let default = Self::default();
                ::std::result::Result::Ok(Self {
                    $($field: $crate::settings::read(
                        &source,
                        stringify!($field),
                        default.$field,
                        $crate::__range!($type $(, $range)?),
                    )?,)*
                })
            }
        }
    };
}

/// The range of a setting with its text, or none.
#[doc(hidden)]
#[macro_export]
macro_rules! __range {
    ($type:ty) => {
        ::std::option::Option::None::<(::std::ops::RangeFull, &str)>
    };
    ($type:ty, $range:expr) => {
        ::std::option::Option::Some(($range, stringify!($range)))
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::settings! {
        /// One of each type.
        struct Every {
            /// A share
            margin: f64 = 0.25 in 0.0..=1.0,
            /// Ticks
            dwell_ticks: u64 = 4 in 1..=10,
            /// An offset
            offset: i64 = -3,
            /// A switch
            is_on: bool = true,
            /// A name
            favourite: String = "lru",
        }
    }

    fn read_with(name: &'static str, value: &'static str) -> Result<Every, TickError> {
        Every::read(move |key: &str| Ok((key == name).then(|| value.to_owned())))
    }

    fn expected(name: &'static str, value: &'static str) -> String {
        match read_with(name, value) {
            Err(TickError::BadSetting((key, expected))) if key == name => expected,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_declaration_has_names_kinds_defaults_and_summaries() {
        let declared: Vec<String> = Every::declare()
            .iter()
            .map(|setting| {
                format!("{} {:?} {} {}", setting.name, setting.kind, setting.default, setting.summary)
            })
            .collect();
        let expected = [
            "margin SettingKind::Number 0.25 A share",
            "dwell-ticks SettingKind::Integer 4 Ticks",
            "offset SettingKind::Integer -3 An offset",
            "is-on SettingKind::Boolean true A switch",
            "favourite SettingKind::Text lru A name",
        ];
        assert_eq!(declared, expected);
    }

    #[test]
    fn what_the_profile_does_not_give_has_its_default() {
        assert_eq!(Every::read(|_: &str| Ok(None)).unwrap(), Every::default());
    }

    #[test]
    fn what_it_gives_is_read_by_type() {
        assert_eq!(read_with("dwell-ticks", " 7 ").unwrap().dwell_ticks, 7);
        assert_eq!(read_with("margin", "0.5").unwrap().margin, 0.5);
        assert!(!read_with("is-on", "false").unwrap().is_on);
        assert_eq!(read_with("favourite", "arc").unwrap().favourite, "arc");
    }

    #[test]
    fn what_does_not_fit_is_named_with_what_was_expected() {
        assert_eq!(expected("dwell-ticks", "11"), "a whole number in 1..=10, not `11`");
        assert_eq!(expected("dwell-ticks", "-1"), "a whole number in 1..=10, not `-1`");
        assert_eq!(expected("margin", "NaN"), "a number in 0.0..=1.0, not `NaN`");
        assert_eq!(expected("offset", "a lot"), "a whole number, not `a lot`");
        assert_eq!(expected("is-on", "yes"), "true or false, not `yes`");
    }

    #[test]
    fn a_host_that_cannot_read_is_not_taken_for_one_that_has_none() {
        let answer = Every::read(|_: &str| Err("no route".to_owned()));
        assert!(
            matches!(answer, Err(TickError::Other(text)) if text == "cannot read setting `margin`: no route")
        );
    }
}
