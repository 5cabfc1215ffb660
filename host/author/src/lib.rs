//! What the author of a plugin asks of the host, as a library: is this component sound, and what do its calls cost?
//!
//! [`check()`] looks at a component from outside, and then calls it as a run would: a strategy with figures made up for
//! it, a policy with events made up for it ([`figures`], [`events`]). Nothing of it depends on the machine but the times.
//! Whatever the component does, the outcome is a list of findings; only a machine that cannot run WebAssembly is an
//! error.
//!
//! [`replay`] shows a strategy the ticks of a run that was recorded. [`mod@bench`] measures, and [`project`] writes a new project to begin with.

pub mod bench;
pub mod check;
pub mod events;
pub mod figures;
pub mod project;
pub mod replay;

pub use check::{Checked, Finding, Verdict, check};
