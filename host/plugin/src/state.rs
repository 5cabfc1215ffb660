//! What the store of one strategy holds, and with it everything a guest can reach.
//!
//! The snapshot and the desk of a tick are moved in before the call and taken out after it. Between
//! ticks, and while `describe` runs, an empty snapshot and a closed desk stand in: nothing is
//! measured and nothing granted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use host_control::{Desk, Snapshot};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use wasmtime::Trap;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capture::Capture;
use crate::clock::{Clock, Wall};
use crate::log::Log;
use crate::memory::MemoryCap;

/// Handles of WASI resources (streams, timers) that a guest may hold at once.
const MAX_HANDLES: usize = 4096;

/// Fuel that a call of the host burns, whatever it does: it takes as long as some hundred instructions.
const FUEL_PER_CALL: u64 = 500;

/// Fuel that a number burns which the host hands over in a list.
const FUEL_PER_NUMBER: u64 = 8;

/// Random bytes that a guest may ask for in one call.
const MAX_RANDOM: u64 = 64 << 10;

pub(crate) struct State {
    /// Name by which the rules of this strategy are known; empty until it has described itself.
    pub(crate) name: String,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) desk: Desk,
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) log: Log,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    pub(crate) memory: MemoryCap,
    pub(crate) clock: Arc<Clock>,
    /// When the call under way has to be over, by the machine's clock.
    pub(crate) stop_at: Instant,
    /// Fuel that calls of the host may still burn in the call under way.
    pub(crate) fuel_left: u64,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
}

impl State {
    /// The state of a new store. The seed decides every random byte that the guest is given.
    pub(crate) fn new(memory_bytes: u64, seed: u64) -> Self {
        let clock = Arc::new(Clock::default());
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            name: String::new(),
            snapshot: Arc::default(),
            desk: Desk::closed(),
            settings: BTreeMap::new(),
            log: Log::default(),
            stdout: Capture::default(),
            stderr: Capture::default(),
            memory: MemoryCap::new(memory_bytes),
            wasi: locked_down(&clock, seed),
            clock,
            stop_at: Instant::now(),
            fuel_left: 0,
            table,
        }
    }

    /// Charges the guest for a call of the host that hands it this many numbers. Its own
    /// instructions are counted by wasmtime, but those that the host spends for it are not: without this
    /// a guest that does nothing but call would only ever be stopped by the clock, and not at the same place twice.
    ///
    /// # Errors
    /// The fuel is used up.
    pub(crate) fn charge(&mut self, numbers: usize) -> wasmtime::Result<()> {
        let numbers = u64::try_from(numbers).unwrap_or(u64::MAX);
        let cost = numbers.saturating_mul(FUEL_PER_NUMBER).saturating_add(FUEL_PER_CALL);
        match self.fuel_left.checked_sub(cost) {
            Some(left) => {
                self.fuel_left = left;
                Ok(())
            }
            None => Err(Trap::OutOfFuel.into()),
        }
    }

    /// Turns what was written to the standard streams into messages, and answers what was written to
    /// standard error.
    pub(crate) fn drain_streams(&mut self) -> String {
        let stdout = self.stdout.take();
        self.log.push_lines("info", "stdout", &stdout);
        let stderr = self.stderr.take();
        self.log.push_lines("warn", "stderr", &stderr);
        stderr
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// WASI with nothing behind it: no files, environment, arguments, input or network; virtual time;
/// randomness from the seed.
fn locked_down(clock: &Arc<Clock>, seed: u64) -> WasiCtx {
    let mut random = Pcg64::seed_from_u64(seed);
    let insecure = Pcg64::seed_from_u64(random.next_u64());
    let insecure_seed = u128::from(random.next_u64()) << 64 | u128::from(random.next_u64());
    WasiCtxBuilder::new()
        .wall_clock(Wall(Arc::clone(clock)))
        .secure_random(random)
        .insecure_random(insecure)
        .insecure_random_seed(insecure_seed)
        .max_random_size(MAX_RANDOM)
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .build()
}
