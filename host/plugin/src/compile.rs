//! Compiling a component, bounded in time and memory.
//!
//! The compiler cannot be interrupted and does not count what it allocates. So a program that calls [`serve`] first thing
//! in its `main` compiles in a child of its own: the same binary, which reads the component from its standard input,
//! has the system bound its memory and CPU time, writes the compiled code to its standard output, and ends. Whatever
//! becomes of the child, the program goes on and says which limit was met.
//!
//! A program that does not call [`serve`] compiles in its own process: its components are bounded by their shape alone
//! ([`crate::shape`]).

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use wasmtime::Engine;

use crate::engine;
use crate::names;
use crate::world::World;

/// The first argument of a child.
const FLAG: &str = "--compile-component";

/// What a child compiles for, in its arguments.
const STRATEGY: &str = "strategy";
const EVICTION: &str = "eviction";

/// Exit code of a child whose component is not valid; what is wrong with it is on its standard error.
const INVALID: u8 = 3;

/// Exit code of a child that was refused memory and could say so.
const NO_MEMORY: u8 = 4;

/// Bytes kept of what a child writes to its standard error.
const MAX_REASON: u64 = 4 << 10;

/// Longest time between two looks at a child.
const LONGEST_LOOK: Duration = Duration::from_millis(20);

/// Whether this program answers a child's arguments: decided once, at its start.
static SERVES: AtomicBool = AtomicBool::new(false);

/// What compiling one component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompileLimits {
    /// Memory, bytes of address space.
    pub memory_bytes: u64,
    /// Wall time, and CPU time.
    pub time: Duration,
}

impl Default for CompileLimits {
    /// Those of a profile that says nothing else: 2 GB and 5 minutes.
    fn default() -> Self {
        Self { memory_bytes: 2_000_000_000, time: Duration::from_secs(300) }
    }
}

/// Why a component was not compiled.
#[derive(Debug)]
pub(crate) enum CompileError {
    /// It is not valid, in wasmtime's words.
    Invalid(String),
    /// It needs more memory than it may have.
    Memory,
    /// It needs more time than it may have.
    Time,
    /// The compiler could not be run, or ended in a way that says nothing of the component.
    Failed(String),
}

/// Compiles a component where this process was started to do so, and answers its exit code; otherwise answers none.
/// A program whose compiling is to be bounded calls this before anything else.
#[must_use]
pub fn serve() -> Option<ExitCode> {
    SERVES.store(true, Ordering::Relaxed);
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(FLAG)) {
        return None;
    }
    let mut number = || arguments.next()?.to_str()?.parse::<u64>().ok();
    let (memory_bytes, seconds) = (number(), number());
    let world = match arguments.next().as_deref().and_then(OsStr::to_str) {
        Some(STRATEGY) => Some(World::Strategy),
        Some(EVICTION) => Some(World::Eviction),
        _ => None,
    };
    let code = match (memory_bytes, seconds, world) {
        (Some(memory_bytes), Some(seconds), Some(world)) => be_child(memory_bytes, seconds, world),
        _ => Err(io::Error::other(format!("{FLAG} MEMORY-BYTES SECONDS {STRATEGY}|{EVICTION}"))),
    };
    Some(code.unwrap_or_else(|error| {
        eprintln!("{error}");
        match error.kind() {
            io::ErrorKind::OutOfMemory => ExitCode::from(NO_MEMORY),
            _ => ExitCode::FAILURE,
        }
    }))
}

fn be_child(memory_bytes: u64, seconds: u64, world: World) -> io::Result<ExitCode> {
    bound(memory_bytes, seconds)?;
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    let engine = engine::engine(world).map_err(|error| io::Error::other(format!("{error:#}")))?;
    match engine.precompile_component(&bytes) {
        Ok(compiled) => {
            let mut output = io::stdout().lock();
            output.write_all(&compiled)?;
            output.flush()?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{error:#}");
            Ok(ExitCode::from(INVALID))
        }
    }
}

#[cfg(unix)]
fn bound(memory_bytes: u64, seconds: u64) -> io::Result<()> {
    use nix::sys::resource::{Resource, setrlimit};
    setrlimit(Resource::RLIMIT_AS, memory_bytes, memory_bytes)?;
    setrlimit(Resource::RLIMIT_CPU, seconds, seconds)?;
    // One that runs out of memory aborts, which is no reason to write its memory to disk.
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    Ok(())
}

/// Elsewhere only the time is bounded, by the parent.
#[cfg(not(unix))]
fn bound(_: u64, _: u64) -> io::Result<()> {
    Ok(())
}

/// Does some work, and calls `tell` once that has taken so long.
pub(crate) fn told_after<T>(after: Duration, tell: impl Fn() + Send, work: impl FnOnce() -> T) -> T {
    std::thread::scope(|scope| {
        let (working, ends) = mpsc::channel::<()>();
        let waits = move || {
            if ends.recv_timeout(after) == Err(mpsc::RecvTimeoutError::Timeout) {
                tell();
            }
        };
        // Without a thread for it nobody is told.
        let waiting = std::thread::Builder::new().name("compiling".to_owned()).spawn_scoped(scope, waits);
        if let Err(error) = waiting {
            tracing::debug!(%error, "nobody is told how long it takes");
        }
        let done = work();
        drop(working);
        done
    })
}

/// Compiles a component: in a child where this program serves one, here otherwise.
pub(crate) fn compile(
    (engine, world): (&Engine, World),
    component: &[u8],
    limits: &CompileLimits,
) -> Result<Vec<u8>, CompileError> {
    if SERVES.load(Ordering::Relaxed) {
        return in_child(world, component, limits);
    }
    engine.precompile_component(component).map_err(|error| CompileError::Invalid(format!("{error:#}")))
}

fn in_child(world: World, component: &[u8], limits: &CompileLimits) -> Result<Vec<u8>, CompileError> {
    let failed = |error: io::Error| CompileError::Failed(error.to_string());
    // Files rather than pipes: nobody waits for the other side, whatever it does.
    let (mut input, output, errors) =
        (unnamed().map_err(failed)?, unnamed().map_err(failed)?, unnamed().map_err(failed)?);
    input.write_all(component).and_then(|()| input.rewind()).map_err(failed)?;
    let seconds = limits.time.as_secs().saturating_add(1);
    let child = Command::new(this_program().map_err(failed)?)
        .arg(FLAG)
        .args([limits.memory_bytes.to_string(), seconds.to_string()])
        .arg(match world {
            World::Strategy => STRATEGY,
            World::Eviction => EVICTION,
        })
        .stdin(input)
        .stdout(Stdio::from(output.try_clone().map_err(failed)?))
        .stderr(Stdio::from(errors.try_clone().map_err(failed)?))
        .spawn()
        .map_err(failed)?;
    let Some(status) = wait(child, limits.time).map_err(failed)? else { return Err(CompileError::Time) };
    if status.success() {
        return read(output, u64::MAX).map_err(failed);
    }
    let said = read(errors, MAX_REASON).map_err(failed)?;
    Err(judge(status, &String::from_utf8_lossy(&said)))
}

/// What the end of a child that has failed means.
fn judge(status: ExitStatus, said: &str) -> CompileError {
    let said = said.trim();
    if status.code() == Some(i32::from(INVALID)) {
        return CompileError::Invalid(said.to_owned());
    }
    // The text is how the standard library says that an allocation was refused, before it aborts.
    if status.code() == Some(i32::from(NO_MEMORY)) || said.contains("memory allocation of ") {
        return CompileError::Memory;
    }
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt as _;
        if status.signal() == Some(SIGXCPU) {
            return CompileError::Time;
        }
    }
    CompileError::Failed(format!("{status}: {}", names::sanitize(said, 256)))
}

/// The signal of a process that has used up its CPU time: the same number on every Unix that we build for.
#[cfg(unix)]
const SIGXCPU: i32 = 24;

/// Waits for a child, and ends it where it takes too long: none then.
fn wait(mut child: Child, limit: Duration) -> io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    let mut look = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() >= limit {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(look);
        look = (look * 2).min(LONGEST_LOOK);
    }
}

fn read(mut file: File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unnamed() -> io::Result<File> {
    tempfile::tempfile()
}

/// This very binary, also where its file was replaced since it was started.
fn this_program() -> io::Result<std::path::PathBuf> {
    if cfg!(target_os = "linux") { Ok("/proc/self/exe".into()) } else { std::env::current_exe() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_end_of_a_child_tells_what_it_met() {
        use std::os::unix::process::ExitStatusExt as _;
        let exited = |code: i32| ExitStatus::from_raw(code << 8);
        assert!(matches!(judge(exited(3), "bad magic\n"), CompileError::Invalid(why) if why == "bad magic"));
        assert!(matches!(judge(exited(4), "out of memory"), CompileError::Memory));
        let aborted = ExitStatus::from_raw(6);
        assert!(matches!(judge(aborted, "memory allocation of 64 bytes failed\n"), CompileError::Memory));
        assert!(matches!(judge(ExitStatus::from_raw(SIGXCPU), ""), CompileError::Time));
        let other = judge(ExitStatus::from_raw(11), "oh");
        assert!(matches!(&other, CompileError::Failed(why) if why.ends_with(": oh")), "{other:?}");
    }

    #[cfg(unix)]
    #[test]
    fn a_child_that_takes_too_long_is_ended() {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        assert_eq!(wait(child, Duration::from_millis(20)).unwrap(), None);
        let child = Command::new("true").spawn().unwrap();
        assert!(wait(child, Duration::from_secs(60)).unwrap().unwrap().success());
    }

    #[test]
    fn work_that_takes_long_is_told_of_once_and_short_work_is_not() {
        let (tell, told) = mpsc::channel();
        // It ends when it was told of.
        let waits = || told.recv().is_ok();
        assert!(told_after(Duration::ZERO, move || tell.send(()).unwrap_or_default(), waits));
        assert!(told.recv().is_err(), "once");
        assert_eq!(told_after(Duration::from_secs(3_600), || panic!("an hour is not over"), || 7), 7);
    }

    #[test]
    fn a_program_that_serves_no_child_compiles_itself() {
        let engine = engine::engine(World::Strategy).unwrap();
        let limits = CompileLimits::default();
        let component = wat::parse_str("(component)").unwrap();
        assert!(!compile((&engine, World::Strategy), &component, &limits).unwrap().is_empty());
        let error = compile((&engine, World::Strategy), b"\0asm", &limits).unwrap_err();
        assert!(matches!(error, CompileError::Invalid(_)), "{error:?}");
    }
}
