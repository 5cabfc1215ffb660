//! The types that a setting may have.

use std::fmt::Display;

use crate::types::SettingKind;

/// A type that a setting may have.
pub trait Value: Sized + Display {
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
