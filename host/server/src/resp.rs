//! Redis's protocol and commands.
//!
//! | part | its job |
//! |---|---|
//! | [`request`] | where the arguments of a request lie in a buffer |
//! | [`reply`] | replies in RESP2 and RESP3 |
//! | `connection` | reads what has come, answers all of it, writes once |
//! | `session` | what one client has told the server: database, protocol, transaction, subscriptions |
//! | `dispatch` | from the words of a request to its command, and what stands in between: password, arity, transaction |
//! | `command` | the table of commands |
//! | `commands` | what they do |
//! | `client`, `pub_sub`, `watches`, `slow_log`, `statistics` | what clients have in common |

pub mod reply;
pub mod request;

pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod pub_sub;
pub(crate) mod slow_log;
pub(crate) mod statistics;
pub(crate) mod watches;

mod command;
mod commands;
mod context;
mod dispatch;
mod failure;
mod fetch;
mod gate;
mod glob;
mod number;
mod session;
mod words;

pub(crate) use command::{count, names};
pub(crate) use context::stored;
pub(crate) use gate::Gate;
