//! `host top`: what a server does, once a second, until `q`.
//!
//! A thread of its own asks the server, so that a slow answer holds up no key. What cannot be had is said below; the last figures
//! stay.

mod view;

use std::io::IsTerminal as _;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use clap::Args;
use host_server::Case;
use host_server::http::client::{Client, ClientError};
use host_server::http::figures::{Decisions, Stats};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use serde::Deserialize;

use super::status::{Asked, Strategies};
use crate::exit::{End, Failure};
use crate::layers::Layers;
use view::{Seen, View};

/// How often the server is asked.
const EVERY: Duration = Duration::from_secs(1);

/// How often keys and answers are looked for.
const LOOK: Duration = Duration::from_millis(100);

/// Watch a server: hit ratio with the shadows, latency, strategies, the last decisions in words.
///
/// The server has to listen for HTTP, as for `host status`. `q` ends it.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host top --http 127.0.0.1:8080
")]
pub(crate) struct Top {
    #[command(flatten)]
    asked: Asked,

    // Last, because their heading holds for what follows.
    #[command(flatten)]
    layers: Layers,
}

/// There is nothing to draw on.
#[derive(Debug, thiserror::Error)]
#[error(
    "host top needs a terminal; `host status` prints the same once, and `host status --json` for programs"
)]
struct NoTerminal;

#[derive(Deserialize)]
struct Cases {
    cases: Vec<Case>,
}

impl Top {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        if !std::io::stdout().is_terminal() {
            return Err(NoTerminal.into());
        }
        let client = self.asked.client(&self.layers)?;
        // Before the screen changes: who mistypes the address reads the error.
        let mut view = View::default();
        view.saw(ask(&client)?);
        let answers = ask_for_ever(client)?;
        let mut terminal = ratatui::try_init()?;
        let done = watch(&mut terminal, &mut view, &answers);
        ratatui::try_restore()?;
        done?;
        Ok(End::Done)
    }
}

fn watch(
    terminal: &mut ratatui::DefaultTerminal,
    view: &mut View,
    answers: &Receiver<Result<Seen, ClientError>>,
) -> std::io::Result<()> {
    loop {
        terminal.draw(|frame| view.draw(frame))?;
        if event::poll(LOOK)?
            && let Event::Key(key) = event::read()?
            && key.kind == KeyEventKind::Press
        {
            let control = key.modifiers.contains(KeyModifiers::CONTROL);
            match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(()),
                // A terminal in this mode sends no signal.
                KeyCode::Char('c') if control => return Ok(()),
                _ => {}
            }
        }
        for answer in answers.try_iter() {
            match answer {
                Ok(seen) => view.saw(seen),
                Err(error) => view.lost(&error),
            }
        }
    }
}

/// Asks once a second, for as long as somebody takes the answers.
fn ask_for_ever(client: Client) -> std::io::Result<Receiver<Result<Seen, ClientError>>> {
    let (answers, taken) = sync_channel(1);
    let asking = move || {
        loop {
            std::thread::sleep(EVERY);
            if answers.send(ask(&client)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("ask".to_owned()).spawn(asking)?;
    Ok(taken)
}

fn ask(client: &Client) -> Result<Seen, ClientError> {
    let stats: Stats = client.get("/stats")?;
    let strategies: Strategies = client.get("/strategies")?;
    let decisions: Decisions = client.get("/decisions?latest=10")?;
    let cases = match client.get::<Cases>("/whatif?of=policy") {
        Ok(Cases { cases }) => cases,
        // There are none.
        Err(ClientError::Refused { status: 404, .. }) => Vec::new(),
        Err(error) => return Err(error),
    };
    Ok(Seen { stats, strategies: strategies.strategies, decisions: decisions.decisions, cases })
}
