//! What goes wrong around a server while it serves: clients that misbehave, settings that change all the time, components that
//! fail, the end. Beside each of them a load runs that checks every reply, and no request of it may fail or be answered with
//! anything but what was stored.
//!
//! All of it is printed as a table by
//!
//!     cargo test -p host --test whole serving_faults -- --ignored --nocapture
//!
//! `docs/faults.md` has it.

mod clients;
mod load;
mod signals;

use load::Counts;

/// What a fault came to.
pub(crate) struct Row {
    fault: &'static str,
    times: u64,
    load: Counts,
    /// What else is to be known of it.
    note: String,
}

/// Prints the row, and demands that the load was served as if nothing had happened.
fn say(row: &Row) {
    let Row { fault, times, load, note } = row;
    println!("| {fault} | {times} | {} | {} | {} | {note} |", load.answered, load.failed, load.wrong);
    assert!(load.answered > 0, "{fault}: nothing was asked");
    assert_eq!((load.failed, load.wrong), (0, 0), "{fault}: {:?}", load.first);
}

#[test]
fn clients_that_stop_in_the_middle_harm_no_other() {
    say(&clients::half_commands(100));
    say(&clients::headers_without_a_body(100));
    say(&clients::killed_while_they_write(100));
}

#[test]
#[ignore = "some two minutes: everything, more often"]
fn the_table_of_faults() {
    println!("| fault | how often | requests beside it | failed | wrong | |");
    println!("|---|---:|---:|---:|---:|---|");
    let rows: [fn() -> Option<Row>; 8] = [
        || clients::idle(10_000),
        || Some(clients::half_commands(1_000)),
        || Some(clients::headers_without_a_body(1_000)),
        || Some(clients::that_do_not_read(8)),
        || Some(clients::killed_while_they_write(1_000)),
        || Some(signals::settings_read_again(50)),
        || Some(signals::components_that_fail()),
        || Some(signals::ends_under_load(5)),
    ];
    rows.iter().filter_map(|row| row()).for_each(|row| say(&row));
}
