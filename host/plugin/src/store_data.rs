//! What the store of one strategy holds, and with it everything a guest can reach.
//!
//! The snapshot and the proposal context of a tick are moved in before the call and taken out after it. Between
//! ticks, and while `describe` runs, an empty snapshot and a closed context stand in: nothing is
//! measured and nothing granted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use host_contract::{Dials, Gauges, Snapshot};
use host_control::{LogLine, ProposalContext};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::capture::Capture;
use crate::charge::HostWork;
use crate::clock::{Clock, Wall};
use crate::digest::Digest;
use crate::limits::Limits;
use crate::log::Log;
use crate::memory::MemoryCap;
use crate::printed::Printed;
use crate::state::{Caps, Working};

/// Handles of WASI resources (streams, timers) that a guest may hold at once.
const MAX_HANDLES: usize = 4096;

/// Random bytes that a guest may ask for in one call.
const MAX_RANDOM: u64 = 4 << 10;

/// What there is to turn and to read on this host, by name.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) dials: Dials,
    pub(crate) gauges: Gauges,
}

pub(crate) struct StoreData {
    pub(crate) tables: Arc<Tables>,
    /// Name by which the rules of this strategy are known; empty until it has described itself.
    pub(crate) name: String,
    /// The digest of its component; empty until then.
    pub(crate) digest: String,
    /// The table of the profile that gives its limits.
    pub(crate) limits_table: String,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) context: ProposalContext,
    pub(crate) settings: BTreeMap<String, String>,
    /// What was learnt; nothing until the strategy has described itself.
    pub(crate) learnt: Working,
    pub(crate) state_caps: Caps,
    pub(crate) log: Log,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    pub(crate) memory: MemoryCap,
    pub(crate) clock: Arc<Clock>,
    /// When the call under way has to be over, by the machine's clock.
    pub(crate) stop_at: Instant,
    /// What calls of the host may still cost in the call under way.
    pub(crate) work: Arc<HostWork>,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
}

impl StoreData {
    /// The state of a new store. The seed decides every random byte that the guest is given.
    pub(crate) fn new(tables: &Arc<Tables>, limits: &Limits, seed: u64) -> Self {
        let clock = Arc::new(Clock::default());
        let work = Arc::new(HostWork::new(Arc::clone(&clock)));
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        Self {
            tables: Arc::clone(tables),
            name: String::new(),
            digest: String::new(),
            limits_table: "limits".to_owned(),
            snapshot: Arc::default(),
            context: ProposalContext::closed(),
            settings: BTreeMap::new(),
            learnt: Working::default(),
            state_caps: Caps { keys: limits.state_keys, bytes: limits.state_bytes },
            log: Log::new(limits.log_lines, limits.log_bytes),
            stdout: Capture::new(Arc::clone(&work)),
            stderr: Capture::new(Arc::clone(&work)),
            memory: MemoryCap::new(limits),
            wasi: locked_down(&clock, seed),
            clock,
            stop_at: Instant::now(),
            work,
            table,
        }
    }

    /// Names the strategy, once it has described itself.
    pub(crate) fn known_as(&mut self, name: &str, digest: &Digest) {
        name.clone_into(&mut self.name);
        digest.short().clone_into(&mut self.digest);
        self.limits_table = format!("strategies.{name}.limits");
    }

    /// Charges the guest for a call of the host that moves this many numbers.
    ///
    /// # Errors
    /// The fuel or the time is used up.
    pub(crate) fn charge(&self, numbers: usize) -> wasmtime::Result<()> {
        self.work.call(numbers)
    }

    /// Charges the guest for text of so many bytes that it hands over, besides [`StoreData::charge`].
    ///
    /// # Errors
    /// The fuel or the time is used up.
    pub(crate) fn charge_bytes(&self, bytes: usize) -> wasmtime::Result<()> {
        self.work.bytes(bytes)
    }

    /// This state, for a call of WASI that is paid for.
    pub(crate) fn paid(&mut self) -> &mut Self {
        self.work.wasi_call();
        self
    }

    /// The messages since the last call.
    pub(crate) fn take_log(&mut self) -> Vec<LogLine> {
        self.log.take(&self.limits_table)
    }

    /// Turns what was written to the standard streams into messages, and answers it.
    pub(crate) fn drain_streams(&mut self) -> Printed {
        let printed = Printed { stdout: self.stdout.take(), stderr: self.stderr.take() };
        self.log.push_lines("info", "stdout", &printed.stdout);
        self.log.push_lines("warn", "stderr", &printed.stderr);
        printed
    }
}

impl WasiView for StoreData {
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
