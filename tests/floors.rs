//! The crates of `host/` stand on floors, and a crate depends only on floors below its own (ARCHITECTURE.md).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Every crate of `host/` and its floor, as ARCHITECTURE.md has them.
const FLOORS: &[(&str, u32)] = &[
    ("host-contract", 0),
    ("host-policy", 0),
    ("host-plot", 0),
    ("host-bundled", 0),
    ("host-cache", 1),
    ("host-control", 1),
    ("host-executor", 1),
    ("host-prefetch", 1),
    ("host-scenario", 1),
    ("host-telemetry", 1),
    ("host-tier", 1),
    ("host-workload", 1),
    ("host-plugin", 2),
    ("host-profile", 2),
    ("host-simulator", 2),
    ("host-runtime", 3),
    ("host-author", 4),
    ("host-server", 4),
    ("host", 5),
];

#[test]
fn a_crate_depends_only_on_floors_below_its_own() {
    let floors: BTreeMap<&str, u32> = FLOORS.iter().copied().collect();
    let mut faults = Vec::new();
    let metadata = metadata();
    let house = Path::new(metadata["workspace_root"].as_str().unwrap()).join("host");
    for package in metadata["packages"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        if !Path::new(package["manifest_path"].as_str().unwrap()).starts_with(&house) {
            continue;
        }
        let Some(floor) = floors.get(name) else {
            faults
                .push(format!("{name} stands on no floor: give it one in ARCHITECTURE.md and in this test"));
            continue;
        };
        for dependency in package["dependencies"].as_array().unwrap() {
            // Tests and benches may look at anything.
            if dependency["kind"] == "dev" {
                continue;
            }
            let on = dependency["name"].as_str().unwrap();
            if let Some(below) = floors.get(on)
                && below >= floor
            {
                faults.push(format!("{name} (floor {floor}) depends on {on} (floor {below})"));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn the_map_of_the_house_has_every_crate_on_its_floor() {
    let map = include_str!("../ARCHITECTURE.md");
    for (name, floor) in FLOORS {
        let short = match *name {
            "host" => "cli",
            name => name.strip_prefix("host-").unwrap(),
        };
        let row = format!("| {floor} | `{short}` |");
        assert!(map.contains(&row), "ARCHITECTURE.md has no row that begins with {row}");
    }
}

fn metadata() -> serde_json::Value {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    let arguments = ["metadata", "--no-deps", "--format-version=1", "--offline", "--manifest-path", manifest];
    let output = Command::new(env!("CARGO")).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
