//! WASI 0.2, linked whole, with nothing of the machine behind it.
//!
//! A component from any toolchain loads: some import files and sockets that they never use, so those
//! are linked too, over a context in which there is no directory to open and no socket to make
//! (`store_data.rs`). The guest pays for each call. Three things are ours rather than `wasmtime-wasi`'s: the monotonic clock,
//! which is virtual and on which waiting takes no time (`clock.rs`), and the two output streams, which are captured
//! (`capture.rs`).

use wasmtime::component::{HasData, HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::DynOutputStream;
use wasmtime_wasi::p2::bindings::cli::{stderr, stdout};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem, io, random, sockets};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView as _};
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsView as _};

use crate::capture::Capture;
use crate::clock::{Monotonic, MonotonicView};
use crate::store_data::StoreData;

/// Every interface of WASI that is linked, without its version, which is any 0.2, and what is behind it.
const INTERFACES: [(&str, &str); 27] = [
    ("wasi:cli/environment", "empty: no variables, arguments or directory"),
    ("wasi:cli/exit", "ends the strategy"),
    ("wasi:cli/stderr", "kept as log messages"),
    ("wasi:cli/stdin", "empty"),
    ("wasi:cli/stdout", "kept as log messages"),
    ("wasi:cli/terminal-input", "no terminal"),
    ("wasi:cli/terminal-output", "no terminal"),
    ("wasi:cli/terminal-stderr", "no terminal"),
    ("wasi:cli/terminal-stdin", "no terminal"),
    ("wasi:cli/terminal-stdout", "no terminal"),
    ("wasi:clocks/monotonic-clock", "the time of the run"),
    ("wasi:clocks/wall-clock", "the time of the run, from a fixed date"),
    ("wasi:filesystem/preopens", "empty: no directory"),
    ("wasi:filesystem/types", "no file can be opened"),
    ("wasi:io/error", "for the streams"),
    ("wasi:io/poll", "waits in the time of the run"),
    ("wasi:io/streams", "for output and empty input"),
    ("wasi:random/insecure", "numbers from the seed of the run"),
    ("wasi:random/insecure-seed", "numbers from the seed of the run"),
    ("wasi:random/random", "numbers from the seed of the run"),
    ("wasi:sockets/instance-network", "no network"),
    ("wasi:sockets/ip-name-lookup", "no network"),
    ("wasi:sockets/network", "no network"),
    ("wasi:sockets/tcp", "no network"),
    ("wasi:sockets/tcp-create-socket", "no network"),
    ("wasi:sockets/udp", "no network"),
    ("wasi:sockets/udp-create-socket", "no network"),
];

/// What is behind an interface of WASI, by its name with or without a version; none where it is not linked.
pub(crate) fn behind(import: &str) -> Option<&'static str> {
    let name = import.split_once('@').map_or(import, |(name, _)| name);
    INTERFACES.iter().find(|(interface, _)| *interface == name).map(|(_, behind)| *behind)
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

pub(crate) fn link(l: &mut Linker<StoreData>) -> wasmtime::Result<()> {
    io::error::add_to_linker::<StoreData, Table>(l, |s| &mut s.paid().table)?;
    io::poll::add_to_linker::<StoreData, Table>(l, |s| &mut s.paid().table)?;
    io::streams::add_to_linker::<StoreData, Table>(l, |s| &mut s.paid().table)?;

    clocks::wall_clock::add_to_linker::<StoreData, WasiClocks>(l, |s| s.paid().clocks())?;
    clocks::monotonic_clock::add_to_linker::<StoreData, Monotonic>(l, monotonic)?;

    random::random::add_to_linker::<StoreData, WasiRandom>(l, |s| s.paid().random())?;
    random::insecure::add_to_linker::<StoreData, WasiRandom>(l, |s| s.paid().random())?;
    random::insecure_seed::add_to_linker::<StoreData, WasiRandom>(l, |s| s.paid().random())?;

    cli::stdout::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |s| s)?;
    cli::stderr::add_to_linker::<StoreData, HasSelf<StoreData>>(l, |s| s)?;
    cli::stdin::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;
    cli::exit::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;
    cli::environment::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;
    cli::terminal_input::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;
    cli::terminal_output::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;
    cli::terminal_stdin::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;
    cli::terminal_stdout::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;
    cli::terminal_stderr::add_to_linker::<StoreData, WasiCli>(l, |s| s.paid().cli())?;

    filesystem::preopens::add_to_linker::<StoreData, WasiFilesystem>(l, |s| s.paid().filesystem())?;
    filesystem::types::add_to_linker::<StoreData, WasiFilesystem>(l, |s| s.paid().filesystem())?;

    let network = sockets::network::LinkOptions::default();
    sockets::network::add_to_linker::<StoreData, WasiSockets>(l, &network, |s| s.paid().sockets())?;
    sockets::instance_network::add_to_linker::<StoreData, WasiSockets>(l, |s| s.paid().sockets())?;
    sockets::ip_name_lookup::add_to_linker::<StoreData, WasiSockets>(l, |s| s.paid().sockets())?;
    sockets::tcp::add_to_linker::<StoreData, WasiSockets>(l, |s| s.paid().sockets())?;
    sockets::tcp_create_socket::add_to_linker::<StoreData, WasiSockets>(l, |s| s.paid().sockets())?;
    sockets::udp::add_to_linker::<StoreData, WasiSockets>(l, |s| s.paid().sockets())?;
    sockets::udp_create_socket::add_to_linker::<StoreData, WasiSockets>(l, |s| s.paid().sockets())?;
    Ok(())
}

fn monotonic(state: &mut StoreData) -> MonotonicView<'_> {
    let state = state.paid();
    MonotonicView::new(&state.clock, &mut state.table)
}

fn stream(state: &mut StoreData, capture: Capture) -> wasmtime::Result<Resource<DynOutputStream>> {
    let stream: DynOutputStream = Box::new(capture);
    Ok(state.table.push(stream)?)
}

impl stdout::Host for StoreData {
    fn get_stdout(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.work.wasi_call();
        let capture = self.stdout.clone();
        stream(self, capture)
    }
}

impl stderr::Host for StoreData {
    fn get_stderr(&mut self) -> wasmtime::Result<Resource<DynOutputStream>> {
        self.work.wasi_call();
        let capture = self.stderr.clone();
        stream(self, capture)
    }
}
