//! Makes a component of world `eviction` from an eviction policy.
//!
//! A policy is a type that implements [`ReplayPolicy`](host_policy::ReplayPolicy), as every native policy of [`host_policy`] does, so that one source
//! serves both. It orders slots and names victims one at a time; [`Driver`] goes through the host's batches, keeps the
//! room, and says who left when. [`export_policy!`] does the rest:
//!
//! ```no_run
//! use policy_sdk::host_policy::Sieve;
//!
//! policy_sdk::export_policy! {
//!     name: "my-sieve",
//!     summary: "A queue with one hand and an access bit",
//!     wants_ids: false,
//!     open: |_opening| Sieve::new(),
//! }
//! # fn main() {}
//! ```
//!
//! A policy with ghosts uses [`InSlot`](host_policy::InSlot): the host keeps an entry's slot for as long as it is remembered,
//! so that no map is needed.

/// What wit-bindgen makes of `wit/`. Public for [`export_policy!`].
#[doc(hidden)]
pub mod bindings {
    // `wit` here is a link to the contract at the root of the repository: what lies outside of a package cannot be
    // packed with it.
    wit_bindgen::generate!({
        world: "eviction",
        path: "wit",
        pub_export_macro: true,
        default_bindings_module: "policy_sdk::bindings",
    });
}

mod driver;

pub use bindings::exports::optimizer::plugin::eviction_policy::{
    Answer, Opening, PolicyDescription, Residents,
};
pub use driver::Driver;
pub use host_policy;

/// Exports a policy as the component's `eviction-policy`. Once a crate; its version is the crate's. `open` makes the
/// policy from an [`Opening`].
#[macro_export]
macro_rules! export_policy {
    (
        name: $name:expr,
        summary: $summary:expr,
        wants_ids: $wants_ids:expr,
        open: |$opening:pat_param| $open:expr $(,)?
    ) => {
        const _: () = {
            struct Component;

            fn open($opening: &$crate::Opening) -> impl $crate::host_policy::ReplayPolicy + use<> {
                $open
            }

            ::std::thread_local! {
                // Behind a pointer: what `open` returns has no name.
                static DRIVER: ::std::cell::RefCell<
                    ::std::option::Option<::std::boxed::Box<dyn $crate::Drive>>,
                > = const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }

            // The host opens a policy before it tells it anything: a call without one is a fault.
            fn with<T>(call: impl FnOnce(&mut dyn $crate::Drive) -> T) -> T {
                DRIVER.with_borrow_mut(|driver| match driver {
                    ::std::option::Option::Some(driver) => call(&mut **driver),
                    ::std::option::Option::None => ::std::panic!("it was not opened"),
                })
            }

            impl $crate::bindings::exports::optimizer::plugin::eviction_policy::Guest for Component {
                fn describe() -> $crate::PolicyDescription {
                    $crate::PolicyDescription {
                        name: $name.to_owned(),
                        version: ::std::env!("CARGO_PKG_VERSION").to_owned(),
                        summary: $summary.to_owned(),
                        settings: ::std::vec::Vec::new(),
                        wants_ids: $wants_ids,
                    }
                }

                fn open(opening: $crate::Opening) -> ::std::result::Result<(), ::std::string::String> {
                    let driver = $crate::Driver::new(open(&opening), opening);
                    DRIVER.set(::std::option::Option::Some(::std::boxed::Box::new(driver)));
                    ::std::result::Result::Ok(())
                }

                fn turn(
                    events: ::std::vec::Vec<u32>,
                    weights: ::std::vec::Vec<u32>,
                    ids: ::std::vec::Vec<u64>,
                ) -> $crate::Answer {
                    with(|driver| driver.turn(&events, &weights, &ids))
                }

                fn resize(capacity: u64) -> $crate::Answer {
                    with(|driver| driver.resize(capacity))
                }

                fn hand_over() -> $crate::Residents {
                    with(|driver| driver.hand_over())
                }

                fn take_over(
                    slots: ::std::vec::Vec<u32>,
                    uses: ::std::vec::Vec<u32>,
                    weights: ::std::vec::Vec<u32>,
                    ids: ::std::vec::Vec<u64>,
                ) {
                    with(|driver| driver.take_over(&slots, &uses, &weights, &ids));
                }
            }

    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// A driver whatever its policy.
#[doc(hidden)]
pub trait Drive {
    fn turn(&mut self, events: &[u32], weights: &[u32], ids: &[u64]) -> Answer;
    fn resize(&mut self, capacity: u64) -> Answer;
    fn hand_over(&mut self) -> Residents;
    fn take_over(&mut self, slots: &[u32], uses: &[u32], weights: &[u32], ids: &[u64]);
}
