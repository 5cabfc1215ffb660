//! Components that are not loaded, each with the text that a person reads.

use std::collections::{BTreeMap, BTreeSet};

use host_contract::Grant;
use host_plugin::{Limits, LoadError, Source, World, bundled_policies};
use host_policy::batched::Opening;

use super::{LOADER, PROBE, all, limits, settings, tick};

/// What opening these bytes as `odd` answers.
fn refusal(bytes: &[u8]) -> String {
    LOADER.open(Source::Bytes { name: "odd", bytes }, &limits()).unwrap_err().to_string()
}

fn refused(wat: &str) -> String {
    refusal(&wat::parse_str(wat).unwrap())
}

/// What opening these bytes as a policy answers.
fn policy_refusal(bytes: &[u8]) -> String {
    let source = Source::Bytes { name: "odd", bytes };
    LOADER.open_policy(source, &Limits::of_policies()).unwrap_err().to_string()
}

fn policy_refused(wat: &str) -> String {
    policy_refusal(&wat::parse_str(wat).unwrap())
}

/// Checks a text without the digest, which depends on the encoder of the test.
fn assert_text(text: &str, expected: &str) {
    let (head, tail) = text.split_once(" (blake3:").unwrap();
    let (digest, tail) = tail.split_once(')').unwrap();
    assert_eq!(digest.len(), 12);
    assert_eq!(format!("{head}{tail}"), expected);
}

#[test]
fn not_a_wasm_file() {
    assert_text(
        &refusal(b"#!/bin/sh"),
        "odd: not a WebAssembly file: it starts with 23 21 2f 62 69 6e 2f 73, a component starts with 00 61 73 6d 0d 00 \
         01 00. Put only components in the plugin directory",
    );
    assert!(refusal(b"(component)").contains("`wasm-tools parse FILE -o FILE.wasm`"));
    assert!(refusal(b"\x7fELF\x02\x01").contains("It is native code"));
    assert!(refusal(b"\0asm\x07\0\0\0").contains("another binary version"));
}

#[test]
fn an_empty_file() {
    assert_text(
        &refusal(b""),
        "odd: the file is empty; was the build or the copy interrupted? Build and copy it again: `cargo build --release \
         --target wasm32-wasip2`",
    );
}

#[test]
fn an_unreadable_file() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing.wasm");
    let error = LOADER.open(Source::File(&missing), &limits()).unwrap_err().to_string();
    assert!(error.contains("missing.wasm: cannot be read: No such file"), "{error}");
    let error = LOADER.open(Source::File(dir.path()), &limits()).unwrap_err().to_string();
    assert!(error.ends_with(": cannot be read: not a file"), "{error}");
}

#[test]
fn a_core_module() {
    assert_text(
        &refused("(module)"),
        "odd: a core module, and the host runs components. Build it with `cargo build --release --target wasm32-wasip2`, or \
         wrap this one with `wasm-tools component new MODULE.wasm -o COMPONENT.wasm`",
    );
}

#[test]
fn a_damaged_component() {
    let mut bytes = std::fs::read(&*PROBE).unwrap();
    bytes.truncate(bytes.len() / 2);
    let text = refusal(&bytes);
    assert!(text.contains(": not a valid component: ") && text.contains("Build it again"), "{text}");
}

/// No more of it is read than shows its length, which must not pass for damage.
#[test]
fn a_component_that_is_too_long() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("long.wasm");
    // A custom section without end.
    std::fs::write(&path, b"\0asm\x0d\0\x01\0\0\xff\xff\xff\x7f\x01n").unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(200_000_000).unwrap();
    let text = LOADER.open(Source::File(&path), &limits()).unwrap_err().to_string();
    assert!(
        text.ends_with(
            ": it has 100663297 bytes, and at most 100663296 are compiled. No key of a profile changes that: a \
             smaller component has to be built"
        ),
        "{text}"
    );
}

#[test]
fn another_world() {
    let admission = r#"(import "optimizer:plugin/types@0.1.0" (instance))
        (instance $i) (export "optimizer:plugin/admission@0.1.0" (instance $i))"#;
    assert_text(
        &refused(&format!("(component {admission})")),
        "odd: a component of another world: a strategy exports `describe` and `tick`, this one lacks `describe`, `tick` and \
         exports `optimizer:plugin/admission@0.1.0`. Build it for world `optimizer:plugin/strategy@0.1.0` of the host's `wit/` \
         directory",
    );
    assert_text(
        &policy_refused(&shaped(r#"(import "optimizer:plugin/types@0.1.0" (instance))"#)),
        "odd: a component of another world: an eviction policy exports `optimizer:plugin/eviction-policy@0.1.0`, this one \
         lacks `optimizer:plugin/eviction-policy@0.1.0` and exports `describe`, `tick`. Build it for world \
         `optimizer:plugin/eviction@0.1.0` of the host's `wit/` directory",
    );
}

#[test]
fn a_component_of_something_else() {
    assert_text(
        &refused(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#),
        "odd: not a component for this host: it imports and exports nothing of optimizer:plugin, and exports \
         `wasi:cli/run@0.2.0`. A strategy exports `describe` and `tick`: build it for world \
         `optimizer:plugin/strategy@0.1.0` of the host's `wit/` directory",
    );
    assert!(refused("(component)").contains("and exports nothing. "));
    let text = policy_refused("(component)");
    assert!(
        text.contains(". An eviction policy exports `optimizer:plugin/eviction-policy@0.1.0`: "),
        "{text}"
    );
}

#[test]
fn another_version() {
    assert_text(
        &refused(r#"(component (import "optimizer:plugin/metrics@0.2.0" (instance)))"#),
        "odd: too new for this host: it is built for `optimizer:plugin/metrics@0.2.0`, the host runs optimizer:plugin 0.1 \
         (0.1.0). Upgrade the host, or use an older version of the component",
    );
    assert_text(
        &refused(r#"(component (import "optimizer:plugin/types@0.0.9" (instance)))"#),
        "odd: too old for this host: it is built for `optimizer:plugin/types@0.0.9`, the host runs optimizer:plugin 0.1 \
         (0.1.0). Rebuild the component with the SDK for 0.1.0, which is the host's `wit/` directory, or ask its author for a \
         newer one",
    );
    let exported = r#"(component (instance $i) (export "optimizer:plugin/policy@1.0.0" (instance $i)))"#;
    assert!(refused(exported).contains("too new"));
    // Before a version is out it may be anything.
    let early = |version: &str| refused(&shaped(&import("metrics", version)));
    assert!(early("0.1.0-rc.1").contains("too old"), "{}", early("0.1.0-rc.1"));
    assert!(early("0.1.1-rc.1").contains("too new"), "{}", early("0.1.1-rc.1"));
}

#[test]
fn another_version_of_an_eviction_policy() {
    let exporting = |version: &str| {
        let export = format!("optimizer:plugin/eviction-policy@{version}");
        let wat = format!(r#"(component (instance $i) (export "{export}" (instance $i)))"#);
        let bytes = wat::parse_str(wat).unwrap();
        assert_eq!(Source::Bytes { name: "odd", bytes: &bytes }.world(), World::Eviction);
        policy_refusal(&bytes)
    };
    assert_text(
        &exporting("0.3.1"),
        "odd: too new for this host: it is built for `optimizer:plugin/eviction-policy@0.3.1`, the host runs optimizer:plugin \
         0.1 (0.1.0). Upgrade the host, or use an older version of the component",
    );
    assert!(exporting("0.0.3").contains("too old"), "{}", exporting("0.0.3"));
    // The names fit, and it is the types that do not.
    let text = exporting("0.1.0");
    assert!(text.contains("does not fit world `optimizer:plugin/eviction@0.1.0`: "), "{text}");
}

#[test]
fn two_versions_in_one() {
    assert_text(
        &refused(&shaped(&format!("{} {}", import("types", "0.1.0"), import("log", "0.2.0")))),
        "odd: built for two versions of optimizer:plugin at once: it names `optimizer:plugin/types@0.1.0` and \
         `optimizer:plugin/log@0.2.0`. Build all that it is made of with the SDK for one of them; the host runs 0.1 (0.1.0)",
    );
}

/// The import of an interface of the contract, with nothing in it.
fn import(interface: &str, version: &str) -> String {
    format!(r#"(import "optimizer:plugin/{interface}@{version}" (instance))"#)
}

#[test]
fn a_later_patch_with_an_interface_that_the_host_lacks() {
    let imports = [import("metrics", "0.1.0"), import("session-control", "0.1.4")].concat();
    assert_text(
        &refused(&shaped(&imports)),
        "odd: too new for this host: it is built for `optimizer:plugin/session-control@0.1.4`, the host has \
         optimizer:plugin@0.1.0, and lacks `optimizer:plugin/session-control@0.1.4`. Upgrade the host, or build the component for 0.1.0",
    );
    // What no host has is told first.
    let text = refused(&shaped(&format!("{imports} {}", r#"(import "wasi:http/types@0.2.0" (instance))"#)));
    assert!(
        text.contains("imports what this host does not have: `optimizer:plugin/session-control@0.1.4`"),
        "{text}"
    );
    let world = r#"(component (instance $i) (export "optimizer:plugin/admission@0.1.4" (instance $i)))"#;
    let text = refused(world);
    assert!(
        text.contains("too new for this host") && text.contains("lacks `describe`, `tick`. Upgrade"),
        "{text}"
    );
}

#[test]
fn a_later_patch_with_a_function_that_the_host_lacks() {
    let dials = r#"(import "optimizer:plugin/dials@0.1.4" (instance (export "undo" (func))))"#;
    let text = refused(&shaped(dials));
    assert!(text.contains("too new for this host: it is built for `optimizer:plugin/dials@0.1.4`"), "{text}");
    assert!(
        text.contains("undo") && text.ends_with("Upgrade the host, or build the component for 0.1.0"),
        "{text}"
    );
    // With a function that is there it fits, up to its exports, which it has of no type.
    let dials = r#"(import "optimizer:plugin/cache-control@0.1.0" (instance))"#;
    let text = refused(&shaped(dials));
    assert!(text.contains("does not fit world"), "{text}");
}

/// What is built for a later patch and uses nothing that came with it runs.
#[test]
fn a_later_patch_with_nothing_new() {
    // A patch of one digit, so that the bytes keep their lengths.
    let later = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let from = b"optimizer:plugin/";
        for at in 0..bytes.len() {
            let Some(name) = bytes[at..].strip_prefix(from) else { continue };
            let Some(end) = name.iter().take(40).position(|byte| *byte == b'@') else { continue };
            if name[end..].starts_with(b"@0.1.0") {
                bytes[at + from.len() + end + 5] = b'7';
            }
        }
        bytes
    };
    let probe = later(&std::fs::read(&*PROBE).unwrap());
    let mut strategy = LOADER
        .load(Source::Bytes { name: "later", bytes: &probe }, &all(), &settings("dials", 1), &limits(), 1)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(tick(&mut strategy, 1).fault, None);
    let (_, bytes) = bundled_policies().find(|(name, _)| *name == "sieve").unwrap();
    let sieve = later(bytes);
    assert_ne!(sieve, bytes);
    let source = Source::Bytes { name: "later", bytes: &sieve };
    let policy = LOADER.open_policy(source, &Limits::of_policies()).unwrap_or_else(|error| panic!("{error}"));
    assert!(policy.inspection().exports.contains(&"optimizer:plugin/eviction-policy@0.1.7".to_owned()));
    policy.start(Opening { capacity: 10, weighed: false, seed: 1 }).unwrap();
}

#[test]
fn an_import_that_policies_are_not_given_or_that_names_no_version() {
    let export = r#"(instance $i) (export "optimizer:plugin/eviction-policy@0.1.0" (instance $i))"#;
    let text = policy_refused(&format!("(component {} {export})", import("metrics", "0.1.0")));
    assert!(text.contains("`optimizer:plugin/metrics@0.1.0` (for strategies only). "), "{text}");
    let text = refused(&shaped(r#"(import "optimizer:plugin/metrics" (instance))"#));
    assert!(
        text.contains("`optimizer:plugin/metrics` (the host has `optimizer:plugin/metrics@0.1.0`)"),
        "{text}"
    );
}

/// A component with the right exports, of the wrong types.
fn shaped(imports: &str) -> String {
    format!(
        r#"(component {imports}
            (core module $m (func (export "f")))
            (core instance $i (instantiate $m))
            (func $f (canon lift (core func $i "f")))
            (export "describe" (func $f))
            (export "tick" (func $f)))"#
    )
}

#[test]
fn the_right_names_with_the_wrong_types() {
    let text = refused(&shaped(""));
    assert!(text.contains("does not fit world `optimizer:plugin/strategy@0.1.0`: "), "{text}");
    assert!(text.contains("describe"), "{text}");
}

#[test]
fn imports_that_no_host_has() {
    let imports = r#"(import "wasi:http/outgoing-handler@0.2.0" (instance))
        (import "wasi:cli/environment@0.3.0" (instance))
        (import "wasi:logging/logging@0.1.0-draft" (instance))
        (import "optimizer:plugin/session-control@0.1.0" (instance))"#;
    assert_text(
        &refused(&shaped(imports)),
        "odd: imports what this host does not have: `wasi:http/outgoing-handler@0.2.0`, `wasi:cli/environment@0.3.0` (the \
         host has WASI 0.2), `wasi:logging/logging@0.1.0-draft`, \
         `optimizer:plugin/session-control@0.1.0`. The component has to do without, or be built for world \
         `optimizer:plugin/strategy@0.1.0`; `wasm-tools component wit FILE` lists what it needs",
    );
}

#[test]
fn an_import_that_is_not_granted() {
    let grants: BTreeSet<_> = all().into_iter().filter(|grant| *grant != Grant::ExecutorControl).collect();
    let plugin = LOADER.open(Source::File(&PROBE), &limits()).unwrap();
    let text = plugin.start(&grants, &BTreeMap::new(), &limits(), 1).unwrap_err().to_string();
    assert_text(
        text.strip_prefix(&*PROBE.with_file_name("").to_string_lossy()).unwrap(),
        "probe.wasm: strategy `probe` imports `optimizer:plugin/executor-control@0.1.0`, which the profile does not \
         grant. Add to the profile: strategies.probe = { grants = [\"metrics\", \"accesses\", \"dials\", \
         \"run\", \"cache-control\", \"tier-control\", \"executor-control\", \"prefetch-control\", \"shadow-control\", \
         \"settings\", \"state\", \"log\"] }",
    );
}

#[test]
fn settings_that_are_not_declared_or_not_of_their_kind() {
    let load = |given: BTreeMap<String, String>| {
        LOADER.load(Source::File(&PROBE), &all(), &given, &limits(), 1).unwrap_err().to_string()
    };
    let mut given = settings("nothing", 1);
    given.insert("time".to_owned(), "1".to_owned());
    let text = load(given);
    assert!(
        text.contains(
            "strategy `probe` has no setting `time` (did you mean `times`?); it has `act`, `times`"
        ),
        "{text}"
    );
    let text = load(BTreeMap::from([("times".to_owned(), "often".to_owned())]));
    assert!(text.contains("setting `times` is `often`, expected a whole number from 1"), "{text}");
}

#[test]
fn a_start_that_needs_more_than_it_may_have() {
    let starve = |limits: Limits| {
        let loaded = LOADER.load(Source::File(&PROBE), &all(), &settings("nothing", 1), &limits, 1);
        let error = loaded.unwrap_err();
        assert!(matches!(error, LoadError::Start { .. }));
        error.to_string()
    };
    // It has not said its name yet, so that only the limits of all can be meant.
    let text = starve(Limits { fuel: 1, ..limits() });
    assert!(
        text.ends_with(
            ": failed at its start, before the first tick: ran out of fuel after 10 units; raise `limits.fuel` if it \
             needs more"
        ),
        "{text}"
    );
    let text = starve(Limits { memory_bytes: 1 << 16, ..limits() });
    assert!(
        text.ends_with(
            "asked for more memory than its limit of 65536 bytes; raise `limits.memory` if it needs more"
        ),
        "{text}"
    );
    let text = starve(Limits { table_elements: 1, ..limits() });
    assert!(
        text.ends_with(
            "asked for more table elements than its limit of 1; raise `limits.table-elements` if it needs more"
        ),
        "{text}"
    );
    let text = starve(Limits { instances: 1, ..limits() });
    assert!(
        text.ends_with(
            "is made of more core instances than its limit of 1; raise `limits.instances` if it needs more"
        ),
        "{text}"
    );
    // Once it has, its own table is named.
    let plugin = LOADER.open(Source::File(&PROBE), &limits()).unwrap();
    let starved = Limits { memory_bytes: 1 << 16, ..limits() };
    let text = plugin.start(&all(), &settings("nothing", 1), &starved, 1).unwrap_err().to_string();
    assert!(text.ends_with("raise `strategies.probe.limits.memory` if it needs more"), "{text}");
}
