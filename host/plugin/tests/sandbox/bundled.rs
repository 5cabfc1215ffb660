//! The strategies that come with the host load with what they ask for, and nothing more, and run.

use std::collections::BTreeMap;

use host_control::Strategy;
use host_plugin::{Place, bundled};

use super::{LOADER, limits, tick};

#[test]
fn each_loads_with_the_grants_it_needs_and_runs() {
    let all = bundled();
    assert!(!all.is_empty());
    for place in all {
        let Place::Bundled(name, _) = place else { panic!("{place:?} is no bundled component") };
        let inspection = LOADER.inspect(place.source(), &limits()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(inspection.description.name, name);
        let grants = inspection.grants().into_iter().collect();
        let mut strategy = LOADER.load(place.source(), &grants, &BTreeMap::new(), &limits(), 1).unwrap();
        assert_eq!(strategy.identity().digest, inspection.digest);
        for number in 1..=3 {
            let outcome = tick(&mut strategy, number);
            assert_eq!(outcome.fault, None, "{}", name);
        }
    }
}
