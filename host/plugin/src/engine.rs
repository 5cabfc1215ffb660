//! How every component is compiled and run.
//!
//! Each switch that changes compiled code or its result is set here and nowhere else, and goes into
//! the key of the compiled-component cache. A run must give the same bytes twice, so everything that
//! differs between machines or runs is pinned.
//!
//! A strategy is bounded by fuel, which reproduces, and the epoch is the backstop for wall time. A policy is on the data path,
//! where counting each instruction is work for every request: the epoch alone interrupts it.
//!
//! Bundled policies are interruptible like any other. An engine without epochs for them would save 4 to 11 % of a replay: OLTP at
//! 10,000 objects, medians of three turns of `host sim OLTP.lis --policy plugin:lru,... --capacity 10000 --csv` with
//! `epoch_interruption` true and false, took 0.040 and 0.037 s with lru, 0.037 and 0.034 with sieve, 0.050 and 0.046 with s3-fifo, 0.062
//! and 0.060 with w-tinylfu. That is not worth a request that can hang.

use wasmtime::{Config, Engine};

use crate::world::World;

/// Stack of a guest. Deep enough for any reasonable strategy; a runaway recursion ends here in
/// microseconds.
const MAX_WASM_STACK: usize = 512 << 10;

/// Stack on which a guest and the host functions that it calls run. What is above
/// [`MAX_WASM_STACK`] is left for host functions.
const CALL_STACK: usize = 2 << 20;

pub(crate) fn engine(world: World) -> wasmtime::Result<Engine> {
    let mut config = Config::new();
    config.consume_fuel(world == World::Strategy);
    config.epoch_interruption(true);
    // NaN bits and relaxed SIMD are the two places where wasm may differ between machines. Threads
    // would be a third: support for them is not compiled in.
    config.cranelift_nan_canonicalization(true);
    config.relaxed_simd_deterministic(true);
    config.max_wasm_stack(MAX_WASM_STACK);
    config.async_stack_size(CALL_STACK);
    // Guests are stripped: a backtrace would be a list of numbers.
    config.wasm_backtrace_max_frames(None);
    Engine::new(&config)
}
