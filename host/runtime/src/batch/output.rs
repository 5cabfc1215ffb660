//! What jobs print: one job's output after the other's, never between.
//!
//! A job prints into files of its own. Once it has ended they are copied out, standard output first; where the order of the lines
//! is kept, once all jobs before it have ended. What waits for its turn lies in one file without a name, so that neither
//! memory nor open files grow with the jobs that wait.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use parking_lot::Mutex;

use super::job::Printed;

/// Where what jobs print goes.
#[derive(Debug)]
pub(super) struct Output {
    ordered: bool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The job whose turn it is.
    next: usize,
    /// Jobs that ended before their turn.
    waiting: BTreeMap<usize, Kept>,
    spool: Option<File>,
}

/// What a job printed, in the spool: bytes.
#[derive(Debug, Default, Clone, Copy)]
struct Kept {
    at: u64,
    out: u64,
    err: u64,
}

impl Output {
    /// In the order of the jobs, or as they end.
    pub(super) fn new(ordered: bool) -> Self {
        Self { ordered, state: Mutex::default() }
    }

    /// The job of this place, counted from 0, has ended; to be called once for each. None: it printed nothing.
    ///
    /// # Errors
    /// What it printed cannot be written.
    pub(super) fn job(&self, place: usize, printed: Option<Printed>) -> io::Result<()> {
        let mut state = self.state.lock();
        if !self.ordered || place == state.next {
            if let Some(mut printed) = printed {
                printed.out.rewind()?;
                printed.err.rewind()?;
                print(&mut printed.out, &mut printed.err)?;
            }
            state.next = state.next.saturating_add(1);
        } else {
            let kept = printed.map(|printed| state.keep(printed)).transpose()?;
            state.waiting.insert(place, kept.unwrap_or_default());
        }
        if self.ordered { state.print_what_is_due() } else { Ok(()) }
    }

    /// Prints what still waits, where a job before it has never ended.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn finish(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        while let Some(place) = state.waiting.keys().next().copied() {
            state.next = place;
            state.print_what_is_due()?;
        }
        Ok(())
    }
}

impl State {
    fn keep(&mut self, mut printed: Printed) -> io::Result<Kept> {
        let spool = match &mut self.spool {
            Some(spool) => spool,
            none => none.insert(tempfile::tempfile()?),
        };
        let at = spool.seek(SeekFrom::End(0))?;
        let mut append = |from: &mut File| {
            from.rewind()?;
            io::copy(from, spool)
        };
        Ok(Kept { at, out: append(&mut printed.out)?, err: append(&mut printed.err)? })
    }

    fn print_what_is_due(&mut self) -> io::Result<()> {
        while let Some(kept) = self.waiting.remove(&self.next) {
            self.next = self.next.saturating_add(1);
            if let Some(spool) = self.spool.as_mut().filter(|_| kept.out + kept.err > 0) {
                spool.seek(SeekFrom::Start(kept.at))?;
                print(&mut (&*spool).take(kept.out), &mut (&*spool).take(kept.err))?;
            }
        }
        if self.waiting.is_empty()
            && let Some(spool) = &mut self.spool
        {
            spool.set_len(0)?;
        }
        Ok(())
    }
}

fn print(out: &mut impl io::Read, err: &mut impl io::Read) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    io::copy(out, &mut stdout)?;
    stdout.flush()?;
    io::copy(err, &mut io::stderr().lock())?;
    Ok(())
}
