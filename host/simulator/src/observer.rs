//! How the caller of a simulation follows it and stops it.

/// Follows a simulation. Every method has a default that does nothing, and `()` follows nothing.
///
/// All calls come from the thread that called [`simulate()`](fn@crate::simulate), except [`stopped`](Observer::stopped).
pub trait Observer: Sync {
    /// A phase begins. `total` is its number of steps, where that is known.
    fn begin(&self, _phase: &str, _total: Option<u64>) {}

    /// So many steps are done since the phase began.
    fn at(&self, _done: u64) {}

    /// The phase is over. `summary` is one line about it.
    fn end(&self, _summary: &str) {}

    /// One line about something that was finished within a phase.
    fn say(&self, _line: &str) {}

    /// Whether the simulation is to stop early. Asked from every thread, every few milliseconds. Rows that are not
    /// finished by then are left out.
    fn stopped(&self) -> bool {
        false
    }
}

impl Observer for () {}
