//! Prefetchers from the literature over a trace, charged as `host sim --profile` charges its own.
//!
//! ```text
//! cargo run --release -p host-simulator --example prefetchers -- TRACE 10% --hash-keys
//! ```
//!
//! OBL, the probability graph and Mithril are written from their papers, each with a few settings. Their cache is LRU. A hit
//! takes 10 microseconds of virtual time, a load 1 ms and one of the origin's 8 slots; at most 8 prefetches are under way. What
//! is prefetched goes into the cache, as in the papers; `--probation` puts it on a probation of a tenth instead, and
//! `--control` holds one trigger in twenty back, as the host does to measure its rules. One JSON object a line.

mod charged;
mod mithril;
mod obl;
mod probability_graph;

use std::error::Error;
use std::path::Path;

use charged::{Predictor, Rules, run};
use host_simulator::{MemoryLimit, NumberedTrace};
use host_workload::trace::{KeyForm, Options};

/// A predictor with settings.
type Candidate = (&'static str, String, Box<dyn Predictor>);

fn candidates() -> Vec<Candidate> {
    let mut all: Vec<Candidate> = Vec::new();
    for always in [true, false] {
        let settings = if always { "always" } else { "tagged" }.to_owned();
        all.push(("OBL", settings, Box::new(obl::Obl::new(always))));
    }
    for lookahead in [1, 2, 4] {
        for chance in [0.25, 0.5, 0.75] {
            let graph = probability_graph::ProbabilityGraph::new(lookahead, chance);
            all.push(("PG", format!("lookahead {lookahead}, chance {chance}"), Box::new(graph)));
        }
    }
    for support in [2, 4] {
        for table in [64, 512, 5_120] {
            let mithril = mithril::Mithril::new(mithril::Settings { support, table, ..Default::default() });
            all.push(("Mithril", format!("support {support}, table {table}"), Box::new(mithril)));
        }
    }
    all
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    let mut values = arguments.iter().filter(|argument| !argument.starts_with("--"));
    let (Some(path), Some(capacity)) = (values.next(), values.next()) else {
        return Err(
            "usage: prefetchers TRACE CAPACITY% [--hash-keys | --ordered-keys] [--probation] [--control]"
                .into(),
        );
    };
    let keys = match (flag("--hash-keys"), flag("--ordered-keys")) {
        (true, _) => Some(KeyForm::Hashed),
        (_, true) => Some(KeyForm::Ordered),
        _ => None,
    };
    let options = Options { keys, ..Options::default() };
    let trace = NumberedTrace::read(Path::new(path), &options, 1, MemoryLimit::None, 0, &())?;
    let percent: f64 = capacity.trim_end_matches('%').parse()?;
    #[expect(clippy::as_conversions, reason = "a share of a count, rounded; float to integer saturates")]
    let capacity = ((trace.distinct() as f64 * percent / 100.0).round() as u64).max(1);
    let rules = Rules { capacity, probation: flag("--probation"), control: flag("--control") };
    for (method, settings, mut predictor) in candidates() {
        let done = run(&trace, &rules, predictor.as_mut())?;
        println!(
            "{{\"method\":\"{method}\",\"settings\":\"{settings}\",\"capacity\":{capacity},\"misses\":{},\"issued\":{},\
             \"used\":{},\"seconds\":{}}}",
            done.misses,
            done.issued,
            done.used,
            done.time.as_secs_f64()
        );
    }
    Ok(())
}
