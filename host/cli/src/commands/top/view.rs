//! The screen: 80 columns and 24 lines are enough.

use std::collections::VecDeque;
use std::fmt::Display;
use std::time::Duration;

use host_profile::Bytes;
use host_server::Case;
use host_server::http::figures::{Decided, Stats, Strategy};
use host_server::http::tiers::Tier;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph, Row, Sparkline, Table, Wrap};

use crate::format::{micros, nearest, percent, thousands};
use crate::out::escape;

/// Seconds that the curves show, at most.
const KEPT: usize = 600;

/// What a server said at one moment.
pub(super) struct Seen {
    pub(super) stats: Stats,
    pub(super) strategies: Vec<Strategy>,
    pub(super) decisions: Vec<Decided>,
    pub(super) cases: Vec<Case>,
}

/// What is shown.
#[derive(Default)]
pub(super) struct View {
    seen: Option<Seen>,
    /// Hit ratio and requests between two answers, the latest one last.
    hits: VecDeque<Option<f64>>,
    rates: VecDeque<Option<u64>>,
    lost: Option<String>,
}

fn push<T>(kept: &mut VecDeque<T>, value: T) {
    kept.push_back(value);
    while kept.len() > KEPT {
        kept.pop_front();
    }
}

impl View {
    /// The server answered.
    pub(super) fn saw(&mut self, seen: Seen) {
        let now = &seen.stats;
        if let Some(before) = self.seen.as_ref().map(|seen| &seen.stats) {
            let hits = now.cache.hits.saturating_sub(before.cache.hits);
            let all = hits + now.cache.misses.saturating_sub(before.cache.misses);
            push(&mut self.hits, host_contract::number::ratio(hits, all));
            push(&mut self.rates, Some(now.requests.saturating_sub(before.requests)));
        }
        self.seen = Some(seen);
        self.lost = None;
    }

    /// The server did not.
    pub(super) fn lost(&mut self, error: &dyn Display) {
        self.lost = Some(error.to_string());
        push(&mut self.hits, None);
        push(&mut self.rates, None);
    }

    pub(super) fn draw(&self, frame: &mut Frame<'_>) {
        let Some(seen) = &self.seen else { return };
        let strategies = u16::try_from(seen.strategies.len()).unwrap_or(u16::MAX).clamp(1, 6);
        let figures = if seen.stats.tiers.is_some() { 10 } else { 9 };
        let rows = [
            Constraint::Length(1),
            Constraint::Length(figures),
            Constraint::Length(strategies.saturating_add(2)),
            Constraint::Min(3),
            Constraint::Length(1),
        ];
        let [title, figures, table, decisions, foot] = Layout::vertical(rows).areas(frame.area());
        let [left, right] = Layout::horizontal([Constraint::Percentage(50); 2]).areas(figures);
        self.title(frame, title, &seen.stats);
        self.ratios(frame, left, seen);
        self.load(frame, right, &seen.stats);
        show_strategies(frame, table, &seen.strategies);
        show_decisions(frame, decisions, &seen.decisions);
        self.foot(frame, foot);
    }

    fn title(&self, frame: &mut Frame<'_>, area: Rect, stats: &Stats) {
        let up = humantime::format_duration(Duration::from_secs(stats.uptime_seconds));
        let ready = if stats.ready { "ready".green() } else { "not ready".red() };
        let line = Line::from(vec![
            "host ".bold(),
            Span::raw(format!("{}  profile {}  ", escape(&stats.version), escape(&stats.profile))),
            ready,
            Span::raw(format!("  up {up}")),
        ]);
        frame.render_widget(line, area);
    }

    /// The hit ratio, and what the shadows say.
    fn ratios(&self, frame: &mut Frame<'_>, area: Rect, seen: &Seen) {
        let block = Block::bordered().title(" hit ratio ");
        let inside = block.inner(area);
        frame.render_widget(block, area);
        let [now, curve, shadows] =
            Layout::vertical([Constraint::Length(1), Constraint::Length(2), Constraint::Min(1)])
                .areas(inside);
        let known = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), percent);
        let last = self.hits.back().copied().flatten();
        let cache = &seen.stats.cache;
        let line = Line::from(vec![
            Span::raw(format!("{} ", escape(&cache.policy))).bold(),
            Span::raw(format!("{}, now {}", known(cache.hit_ratio), known(last))),
        ]);
        frame.render_widget(line, now);
        let permille = |ratio: &Option<f64>| ratio.map(|ratio| nearest(ratio * 1_000.0));
        let bars = latest(self.hits.iter().map(permille), curve.width);
        frame.render_widget(Sparkline::default().data(bars).max(1_000).style(Style::new().green()), curve);
        let mut cases: Vec<&Case> = seen.cases.iter().collect();
        cases.sort_by(|one, other| other.hit_ratio.unwrap_or(-1.0).total_cmp(&one.hit_ratio.unwrap_or(-1.0)));
        let rows = cases
            .into_iter()
            .map(|case| Row::new([escape(&case.policy).into_owned(), known(case.hit_ratio)]));
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            frame.render_widget(Line::from("no shadows").dim(), shadows);
        } else {
            frame.render_widget(Table::new(rows, [Constraint::Min(10), Constraint::Length(8)]), shadows);
        }
    }

    /// Requests, time, memory.
    fn load(&self, frame: &mut Frame<'_>, area: Rect, stats: &Stats) {
        let block = Block::bordered().title(" requests ");
        let inside = block.inner(area);
        frame.render_widget(block, area);
        let [now, curve, rest] =
            Layout::vertical([Constraint::Length(1), Constraint::Length(2), Constraint::Min(1)])
                .areas(inside);
        let rate = self.rates.back().copied().flatten().map_or_else(|| "-".to_owned(), thousands);
        let line = Line::from(vec![
            Span::raw(format!("{rate} /s")).bold(),
            Span::raw(format!(", {} so far", thousands(stats.requests))),
        ]);
        frame.render_widget(line, now);
        let bars = latest(self.rates.iter().copied(), curve.width);
        frame.render_widget(Sparkline::default().data(bars).style(Style::new().cyan()), curve);
        let time = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), micros);
        let (cache, memory, clients) = (&stats.cache, &stats.memory, &stats.clients);
        let lines = [
            format!("latency  p50 {}, p99 {}", time(stats.latency.p50_us), time(stats.latency.p99_us)),
            format!("clients  {} of Redis, {} of HTTP", clients.resp, clients.http),
            format!("cache    {} of {}", Bytes(cache.used_bytes), Bytes(cache.capacity_bytes)),
            format!("memory   {}, {} entries", Bytes(memory.process_bytes), thousands(cache.entries)),
        ];
        let mut lines = lines.to_vec();
        lines.extend(stats.tiers.as_ref().map(|tiers| tiers_line(&tiers.tiers)));
        frame.render_widget(Paragraph::new(lines.into_iter().map(Line::from).collect::<Vec<_>>()), rest);
    }

    fn foot(&self, frame: &mut Frame<'_>, area: Rect) {
        let line = match &self.lost {
            Some(error) => Line::from(escape(error).into_owned()).red(),
            None => Line::from("q quits").dim(),
        };
        frame.render_widget(line, area);
    }
}

/// What each tier finds of what it is asked for.
fn tiers_line(all: &[Tier]) -> String {
    let of = |tier: &Tier| match tier.breaker.as_deref() {
        Some("open") => format!("{} not asked", tier.tier),
        _ => format!("{} {}", tier.tier, tier.hit_ratio.map_or_else(|| "-".to_owned(), percent)),
    };
    format!("tiers    {}", all.iter().map(of).collect::<Vec<_>>().join(", "))
}

/// As many of the latest values as there are columns.
fn latest(values: impl ExactSizeIterator<Item = Option<u64>>, columns: u16) -> Vec<Option<u64>> {
    let over = values.len().saturating_sub(usize::from(columns));
    values.skip(over).collect()
}

fn show_strategies(frame: &mut Frame<'_>, area: Rect, all: &[Strategy]) {
    let row = |of: &Strategy| {
        let Strategy { strategy, state, failures, restarts, cost } = of;
        let figures = [cost.ticks, cost.accepted, cost.refused, *failures, *restarts].map(thousands);
        let name = [escape(strategy).into_owned(), escape(state).into_owned()];
        let row = Row::new(name.into_iter().chain(figures).chain([micros(cost.seconds * 1e6)]));
        if state == "active" || state == "loading" { row } else { row.style(Style::new().red()) }
    };
    let heading = ["strategy", "state", "ticks", "taken", "refused", "failed", "again", "time"];
    let widths = [18, 12, 9, 6, 7, 6, 5, 10].map(Constraint::Length);
    let table = Table::new(all.iter().map(row), widths)
        .header(Row::new(heading).style(Style::new().bold()))
        .block(Block::new().borders(ratatui::widgets::Borders::BOTTOM));
    frame.render_widget(table, area);
}

fn show_decisions(frame: &mut Frame<'_>, area: Rect, all: &[Decided]) {
    let line = |decided: &Decided| {
        let at = humantime::format_duration(Duration::from_secs(decided.at_ms / 1_000)).to_string();
        Line::from(vec![format!("{at} ").dim(), Span::raw(escape(&decided.words).into_owned())])
    };
    let mut lines = vec![Line::from("last decisions, the latest first").bold()];
    lines.extend(all.iter().rev().map(line));
    if all.is_empty() {
        lines.push(Line::from("none so far").dim());
    }
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: true }), area);
}

#[cfg(test)]
mod tests {
    use host_server::http::figures::{Cache, Clients, Cost, Latency, Memory};
    use host_server::http::tiers::Tiers;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn tier(name: &str, hit_ratio: f64, breaker: Option<&str>) -> Tier {
        Tier {
            tier: name.to_owned(),
            breaker: breaker.map(str::to_owned),
            hits: 0,
            misses: 0,
            puts: 0,
            evictions: 0,
            errors: 0,
            entries: 0,
            used_bytes: 0,
            capacity_bytes: 0,
            admitted_bytes: None,
            written_bytes: None,
            hit_ratio: Some(hit_ratio),
            get_p50_us: None,
            get_p99_us: None,
        }
    }

    fn seen(requests: u64, hits: u64) -> Seen {
        let case = |policy: &str, hit_ratio| Case {
            policy: policy.to_owned(),
            capacity_bytes: 260_000_000,
            capacity_factor: 1.0,
            hit_ratio,
            window_hit_ratio: None,
            requests,
            sampling_rate: 0.1,
        };
        let strategy = |name: &str, state: &str| Strategy {
            strategy: name.to_owned(),
            state: state.to_owned(),
            failures: 1,
            restarts: 2,
            cost: Cost {
                ticks: 1_234,
                fuel: 5,
                memory_bytes: 6,
                seconds: 0.25,
                accepted: 7,
                clamped: 8,
                refused: 9,
            },
        };
        let decided = |id, words: &str| Decided { id, at_ms: id * 61_000, words: words.to_owned() };
        Seen {
            stats: Stats {
                version: "0.1.0".to_owned(),
                profile: "medium".to_owned(),
                pid: 1,
                uptime_seconds: 3_725,
                ready: true,
                ticks: 1_234,
                clients: Clients { resp: 12, http: 1, most: 10_000 },
                requests,
                throughput: 0.0,
                latency: Latency { p50_us: Some(12.0), p99_us: Some(340.0) },
                cache: Cache {
                    policy: "arc".to_owned(),
                    entries: 123_456,
                    used_bytes: 200_000_000,
                    capacity_bytes: 260_000_000,
                    hits,
                    misses: requests - hits,
                    evictions: 0,
                    expired: 0,
                    hit_ratio: host_contract::number::ratio(hits, requests),
                    window_hit_ratio: None,
                },
                tiers: Some(Tiers {
                    tiers: vec![tier("warm", 0.12, None), tier("remote", 0.4, Some("open"))],
                    queued_bytes: 0,
                    demoted: 9,
                    dropped: 0,
                    hits_on_the_way: 1,
                    negative_hits: 0,
                }),
                best_shadow: None,
                memory: Memory { process_bytes: 280_000_000, used_bytes: 0, limit_bytes: 0 },
                decisions: 2,
                tuning_cpu_seconds: 1.0,
            },
            strategies: vec![strategy("cache-policy", "active"), strategy("worker-sizing", "backing-off")],
            decisions: vec![
                decided(
                    1,
                    "cache-policy lru -> arc, by cache-policy: it would have missed 752 fewer; better: 61.0 % against 55.2 %",
                ),
                decided(2, "prefetch rules 0 -> 2, by prefetch-rules: \u{1b}[2Jno; not judged yet"),
            ],
            cases: vec![case("lru", Some(0.552)), case("arc", Some(0.61)), case("sieve", None)],
        }
    }

    fn screen(view: &View) -> String {
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        terminal.draw(|frame| view.draw(frame)).unwrap();
        let buffer = terminal.backend().buffer().clone();
        let lines = buffer.content().chunks(80).map(|cells| {
            let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
            line.trim_end().to_owned() + "\n"
        });
        lines.collect()
    }

    #[test]
    fn one_screen_shows_everything() {
        let mut view = View::default();
        for (requests, hits) in [(0, 0), (100, 20), (300, 120), (700, 450)] {
            view.saw(seen(requests, hits));
        }
        assert_eq!(screen(&view), include_str!("screen.txt"));
        view.lost(&"127.0.0.1:8080: no server answers");
        let lost = screen(&view);
        assert!(
            lost.contains("127.0.0.1:8080: no server answers") && lost.contains("123,456 entries"),
            "{lost}"
        );
    }
}
