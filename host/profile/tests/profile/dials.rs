//! Dials: every row of the contract has its keys, its bounds and its way to settle rivals.

use host_contract::dial::{BUILT_IN, CACHE_CAPACITY, CPU_WORKERS, Kind, PREFETCH_SHARE};
use host_contract::{Mode, Value};

use crate::{big, loader};

#[test]
fn every_row_of_the_contract_is_set_by_its_keys() {
    let settings = loader().load(&big()).unwrap();
    assert_eq!(settings.dials.len(), BUILT_IN.len());
    for row in BUILT_IN {
        let dial = &settings.dials[&row.dial];
        assert_eq!(
            (dial.min.is_some(), dial.max.is_some()),
            (row.keys.min.is_some(), row.keys.max.is_some())
        );
        assert_eq!(dial.mode, row.mode, "{}: the default is that of the row", row.dial);
        for key in [Some(row.keys.start), row.keys.min, row.keys.max].into_iter().flatten() {
            assert_eq!(settings.source(key), Some("default"), "{key}");
        }
        assert_eq!(settings.source(&row.arbitration_key()), Some("default"), "{}", row.dial);
    }
}

#[test]
fn a_dial_takes_what_the_layers_say_in_the_unit_of_its_row() {
    let sets = ["cache.capacity=100MB", "prefetch.cache-share=0.25", "control.arbitration.cpu-workers=max"];
    let settings = loader().set(sets).load(&big()).unwrap();
    assert_eq!(settings.dials[&CACHE_CAPACITY].start, Value::Count(100_000_000));
    assert_eq!(settings.dials[&CACHE_CAPACITY].min, Some(Value::Count(settings.cache.min_capacity.get())));
    assert_eq!(settings.dials[&PREFETCH_SHARE].start, Value::Ratio(0.25));
    assert_eq!(settings.dials[&CPU_WORKERS].mode, Mode::Max);
}

#[test]
fn the_bounds_of_a_row_are_those_of_its_keys() {
    for row in BUILT_IN.iter().filter(|row| row.kind == Kind::Count && row.unit != "bytes") {
        let set = |number: u64| loader().set([format!("{}={number}", row.keys.start)]).load(&big());
        let error = set(row.keys.most + 1).unwrap_err().to_string();
        let range = format!("a whole number from {} to {}", row.keys.least, row.keys.most);
        assert!(row.unit == "seconds" || error.contains(&range), "{error}");
    }
    for row in BUILT_IN.iter().filter(|row| row.kind == Kind::Choice) {
        let set = format!("{}=mean", row.arbitration_key());
        let error = loader().set([set]).load(&big()).unwrap_err().to_string();
        assert!(error.contains("expected \"priority\""), "{error}");
    }
}
