//! What a strategy may use.

use std::time::Duration;

use crate::allowance::Allowance;

/// Wall time after which a guest is stopped where time is virtual: far more than any fuel lasts.
const WALL_BACKSTOP: Duration = Duration::from_secs(600);

/// Bounds on one strategy. Fuel decides, because it gives the same outcome in every run; the deadlines bound what a
/// guest waits for, and are the backstop for wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for one tick: about one unit a wasm instruction, and as much again for what its calls make the host
    /// do. The start gets [`Limits::START_FUEL_FACTOR`] times as much.
    pub fuel: u64,
    /// Time of one tick: what the guest waits for and what its calls make the host do; see [`Limits::time`].
    pub deadline: Duration,
    /// Linear memory that may be held, over all memories of the component, bytes.
    pub memory_bytes: u64,
    /// Elements that may be held over all tables of the component, 8 to 16 bytes of the host each.
    pub table_elements: u64,
    /// Core instances in the component.
    pub instances: u32,
    /// Time of the start: instantiation and `describe`.
    pub start_deadline: Duration,
    /// Messages that are kept of one tick.
    pub log_lines: u32,
    /// Bytes of messages that are kept of one tick.
    pub log_bytes: u64,
    /// Keys under which a strategy may keep what it has learnt.
    pub state_keys: u32,
    /// Bytes of what it may keep, keys and values together.
    pub state_bytes: u64,
    /// Whether the machine's clock counts too.
    pub time: Time,
}

/// Which time counts against a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// The machine's time as well as the guest's own.
    Machine,
    /// The guest's own time alone, so that a slow machine does not change the outcome. A guest that is stopped by
    /// nothing else is stopped after ten minutes.
    Virtual,
}

impl Limits {
    /// How much more fuel the start gets than a tick: a runtime for a scripting language sets itself up then.
    pub const START_FUEL_FACTOR: u64 = 10;

    /// What one tick may use.
    pub(crate) fn tick(&self, now: Duration) -> Allowance {
        Allowance {
            fuel: self.fuel,
            deadline: self.deadline,
            deadline_key: "deadline",
            wall: self.wall(self.deadline),
            now,
        }
    }

    /// What instantiation and `describe` may use.
    pub(crate) fn start(&self) -> Allowance {
        Allowance {
            fuel: self.fuel.saturating_mul(Self::START_FUEL_FACTOR),
            deadline: self.start_deadline,
            deadline_key: "start-deadline",
            wall: self.wall(self.start_deadline),
            now: Duration::ZERO,
        }
    }

    fn wall(&self, deadline: Duration) -> Duration {
        match self.time {
            Time::Machine => deadline,
            Time::Virtual => WALL_BACKSTOP,
        }
    }

    /// Those of an eviction policy where nothing else is said (`policy-limits` of a profile): 1 GB for arrays by slot, and one
    /// second for a batch. Virtual time or not, the machine's clock counts: instructions are not counted on the data path.
    #[must_use]
    pub fn of_policies() -> Self {
        Self { memory_bytes: 1_000_000_000, deadline: Duration::from_secs(1), ..Self::default() }
    }

    /// Of each limit the larger.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self {
            fuel: self.fuel.max(other.fuel),
            deadline: self.deadline.max(other.deadline),
            memory_bytes: self.memory_bytes.max(other.memory_bytes),
            table_elements: self.table_elements.max(other.table_elements),
            instances: self.instances.max(other.instances),
            start_deadline: self.start_deadline.max(other.start_deadline),
            log_lines: self.log_lines.max(other.log_lines),
            log_bytes: self.log_bytes.max(other.log_bytes),
            state_keys: self.state_keys.max(other.state_keys),
            state_bytes: self.state_bytes.max(other.state_bytes),
            time: self.time,
        }
    }
}

impl Default for Limits {
    /// Those of a profile that says nothing else: 50 million units, 100 ms, 64 MB, 262,144 table elements, 256 instances,
    /// 5 s to start, 64 messages of 64 kB in all, 64 keys of 256 kB of learnt state in all.
    fn default() -> Self {
        Self {
            fuel: 50_000_000,
            deadline: Duration::from_millis(100),
            memory_bytes: 64_000_000,
            table_elements: 262_144,
            instances: 256,
            start_deadline: Duration::from_secs(5),
            log_lines: 64,
            log_bytes: 64_000,
            state_keys: 64,
            state_bytes: 256_000,
            time: Time::Machine,
        }
    }
}
