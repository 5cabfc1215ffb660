//! The simulator as a library: miss ratios of a trace.
//!
//! ```text
//! cargo run --release -p host-simulator --example simulate -- TRACE [CAPACITY ...]
//! ```
//!
//! A capacity is `1000` objects, `1%` of the distinct keys, or `64MB`.

use std::error::Error;

use host_simulator::{Capacity, Method, Observer, Options, builtin, simulate};
use host_workload::trace::{self, TraceReader};

/// Prints each row when it is finished. A program with a user would also draw a bar, and stop when asked to.
struct Print;

impl Observer for Print {
    fn say(&self, line: &str) {
        eprintln!("{line}");
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("give a trace, and after it the capacities: OLTP.lis.zst 1000 10%")?;
    let mut capacities = arguments.map(|text| text.parse()).collect::<Result<Vec<Capacity>, _>>()?;
    if capacities.is_empty() {
        capacities = vec![Capacity::Percent(1.0), Capacity::Percent(10.0)];
    }
    let trace = TraceReader::open(path.as_ref(), &trace::Options::default())?;
    let methods = builtin::ALL.map(Method::Policy);
    let result = simulate(trace, &methods, &capacities, &Options::default(), &Print)?;
    println!("{} requests, {} distinct keys", result.requests, result.distinct);
    for row in &result.rows {
        println!("{:<10} {:>9} {:>7.2} %", row.policy, row.capacity, row.miss_ratio * 100.0);
    }
    Ok(())
}
