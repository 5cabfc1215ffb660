//! The disk tier: what it promises, through restarts, kills, damage and a lack of room.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: a panic is its failure")]

mod damage;
mod kill;
mod life;
mod model;
mod room;
mod support;
