//! The glue between a [`Strategy`] and the exports of the component.
//!
//! The host keeps one instance from tick to tick and calls it from one thread, so the strategy
//! lives in a thread-local. It is made at the first tick and not in `describe`, where there are no
//! settings yet.

use crate::{Settings, Strategy, TickError, TickInfo, bindings::optimizer::plugin::types, host::settings};

/// The answer to `describe`.
#[must_use]
pub fn describe<S: Strategy>() -> types::Description {
    S::describe().with_settings(S::Settings::declare())
}

/// One tick: makes the strategy where there is none yet, then calls it. The settings are asked for only by a settings
/// type that has fields, so that a strategy without settings does not import `optimizer:plugin/settings`.
///
/// # Errors
/// What the strategy's constructor or tick answered.
pub fn tick<S: Strategy>(strategy: &mut Option<S>, info: TickInfo) -> Result<(), TickError> {
    match strategy {
        Some(strategy) => strategy.tick(info),
        None => strategy.insert(S::new(S::Settings::read(settings::get)?)?).tick(info),
    }
}

/// Exports a strategy as the component's `describe` and `tick`. Once a crate.
///
/// Of a type that implements [`Strategy`]: `export_strategy!(MyStrategy);`. Of one that implements
/// [`HandOver`](crate::HandOver), too: `export_strategy!(MyStrategy, hand_over);`. One that keeps nothing
/// from tick to tick and has no settings can be written in place; its version is the crate's:
///
/// ```no_run
/// use strategy_sdk::*;
///
/// export_strategy! {
///     name: "grow-while-evicting",
///     summary: "Grows the cache by a quarter while it evicts",
///     dials: [dial::CACHE_CAPACITY],
///     tick: |_info| {
///         let now = metrics::cache();
///         if now.window_evictions > 0 {
///             cache::propose_capacity(now.capacity_bytes / 4 * 5).ok();
///         }
///     },
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! export_strategy {
    (
        name: $name:expr,
        summary: $summary:expr,
        dials: [$($dial:expr),* $(,)?],
        tick: |$info:pat_param| $tick:block $(,)?
    ) => {
        const _: () = {
            struct Stateless;

            impl $crate::Strategy for Stateless {
                type Settings = $crate::NoSettings;

                fn describe() -> $crate::Description {
                    $crate::Description::new($name, ::std::env!("CARGO_PKG_VERSION"), $summary)
                        .dials(&[$($dial),*])
                }

                fn new(_: $crate::NoSettings) -> ::std::result::Result<Self, $crate::TickError> {
                    ::std::result::Result::Ok(Self)
                }

                fn tick(&mut self, $info: $crate::TickInfo) -> ::std::result::Result<(), $crate::TickError> {
                    $tick
                    ::std::result::Result::Ok(())
                }
            }

            $crate::export_strategy!(Stateless);
        };
    };
    ($strategy:ty) => {
        const _: () = {
            $crate::export_strategy!(@component $strategy);
        };
    };
    ($strategy:ty, hand_over) => {
        const _: () = {
            $crate::export_strategy!(@component $strategy);

            impl $crate::hand_over::bindings::exports::optimizer::plugin::handover::Guest for Component {
                fn save() -> ::std::vec::Vec<u8> {
                    STRATEGY.with_borrow_mut($crate::hand_over::save::<$strategy>)
                }

                fn restore(saved: ::std::vec::Vec<u8>) -> ::std::result::Result<(), ::std::string::String> {
                    STRATEGY.with_borrow_mut(|strategy| $crate::hand_over::restore(strategy, &saved))
                }
            }

            $crate::hand_over::bindings::export_hand_over!(Component with_types_in $crate::hand_over::bindings);
        };
    };
    (@component $strategy:ty) => {
            struct Component;

            ::std::thread_local! {
                static STRATEGY: ::std::cell::RefCell<::std::option::Option<$strategy>> =
                    const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            impl $crate::bindings::Guest for Component {
                fn describe() -> $crate::types::Description {
                    $crate::export::describe::<$strategy>()
                }

                fn tick(info: $crate::TickInfo) -> ::std::result::Result<(), $crate::TickError> {
                    STRATEGY.with_borrow_mut(|strategy| $crate::export::tick(strategy, info))
                }
            }

            $crate::bindings::export!(Component with_types_in $crate::bindings);
    };
}
