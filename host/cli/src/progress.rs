//! Progress on a terminal: a bar for each phase. Plain lines where standard error is not a terminal.

use std::io::IsTerminal;
use std::time::Duration;

use host_runtime::{Progress, Stop};
use host_simulator::Observer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parking_lot::Mutex;

use crate::{interrupt, out};

/// Draws to standard error, so that standard output stays the report's.
pub(crate) struct Terminal {
    bars: bool,
    quiet: bool,
    bar: Mutex<Option<(String, ProgressBar)>>,
}

impl Terminal {
    /// Bars where standard error is a terminal, else lines; nothing at all with `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        Self { bars: std::io::stderr().is_terminal(), quiet, bar: Mutex::new(None) }
    }

    /// The same beside what a command prints of its own: no bars where that is the same terminal.
    pub(crate) fn beside_output(quiet: bool) -> Self {
        let bars = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
        Self { bars, ..Self::new(quiet) }
    }

    fn line(&self, text: &str) {
        if !self.quiet {
            out::say(text);
        }
    }
}

impl Progress for Terminal {
    fn doing(&self, what: &str) {
        interrupt::doing(what);
    }

    fn begin(&self, name: &str, total: Option<u64>) {
        interrupt::doing(&format!("working on {name}"));
        if self.quiet || !self.bars {
            return;
        }
        let template = match total {
            Some(_) => "  {prefix:22} {bar:28} {pos:>9}/{len} {elapsed:>4}",
            None => "  {prefix:22} {spinner} {pos:>9} {elapsed:>4}",
        };
        // The template is a constant; were it wrong, the default style would show it.
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(10));
        bar.set_style(style.progress_chars("━╸─"));
        bar.set_prefix(out::escape(name).into_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        *self.bar.lock() = Some((name.to_owned(), bar));
    }

    fn at(&self, done: u64) {
        if let Some((_, bar)) = &*self.bar.lock() {
            bar.set_position(done);
        }
    }

    fn end(&self, summary: &str) {
        if let Some((_, bar)) = self.bar.lock().take() {
            bar.finish_and_clear();
        }
        if !summary.is_empty() {
            self.line(&format!("  {summary}"));
        }
    }

    fn say(&self, text: &str) {
        self.line(text);
    }

    fn warn(&self, text: &str) {
        out::say(text);
    }
}

/// Shows the progress of a simulation on a terminal, and stops it by a flag.
pub(crate) struct Watched<'a> {
    pub(crate) terminal: &'a Terminal,
    pub(crate) stop: &'a Stop,
}

impl Observer for Watched<'_> {
    fn begin(&self, phase: &str, total: Option<u64>) {
        self.terminal.begin(phase, total);
    }

    fn at(&self, done: u64) {
        self.terminal.at(done);
    }

    fn end(&self, summary: &str) {
        self.terminal.end(summary);
    }

    fn say(&self, line: &str) {
        self.terminal.say(line);
    }

    fn stopped(&self) -> bool {
        self.stop.asked()
    }
}
