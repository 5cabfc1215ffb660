//! What is published in `wit/` does not change: it only grows.
//!
//! A copy of the contract as it was first published lies in `host/plugin/tests/pinned`. Everything in it has to be in
//! `wit/` with the same shape. That a component bound to the copy runs is shown in `host/plugin`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: what cannot be read fails it")]

mod shapes;

use std::collections::BTreeMap;

use shapes::{read, shape, signature};
use wit_parser::{Docs, PackageId, Resolve, TypeDefKind, WorldItem};

const RULE: &str = "a published item of wit/ has changed. What is published is frozen: no field is added to a record, no \
                    case to an enum or a variant, no parameter to a function. What is new is a function, an interface \
                    or a name (see the head of wit/world.wit)";

/// Every item with its shape, by a name such as `metrics.cache-metrics`.
fn shapes((resolve, package): &(Resolve, PackageId)) -> BTreeMap<String, String> {
    let mut shapes = BTreeMap::new();
    let package = &resolve.packages[*package];
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        for (item, id) in &interface.types {
            shapes.insert(format!("{name}.{item}"), shape(resolve, &resolve.types[*id].kind));
        }
        for (item, function) in &interface.functions {
            shapes.insert(format!("{name}.{item}"), signature(resolve, function));
        }
    }
    for (name, id) in &package.worlds {
        let world = &resolve.worlds[*id];
        for (key, item) in &world.exports {
            let WorldItem::Function(function) = item else { continue };
            let item = resolve.name_world_key(key);
            shapes.insert(format!("world {name}, export {item}"), signature(resolve, function));
        }
        for key in world.imports.keys() {
            let item = resolve.name_world_key(key);
            shapes.insert(format!("world {name}, import {item}"), "import".to_owned());
        }
    }
    shapes
}

/// What of `published` is not in `now`, or not as it was.
fn changes(published: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    published
        .iter()
        .filter(|(name, shape)| now.get(*name) != Some(*shape))
        .map(|(name, shape)| {
            let is = now.get(name).map_or("gone", String::as_str);
            format!("{name}\n  was {shape}\n  is  {is}")
        })
        .collect()
}

#[test]
fn what_was_published_is_still_there_as_it_was() {
    let published = shapes(&read("../plugin/tests/pinned/0.1.0/wit"));
    assert!(published.contains_key("metrics.cache-metrics") && published.len() > 100, "{published:?}");
    let changes = changes(&published, &shapes(&read("../../wit")));
    assert!(changes.is_empty(), "{RULE}:\n{}", changes.join("\n"));
}

#[test]
fn a_new_field_is_a_change_and_a_new_function_is_none() {
    let parse = |text: &str| {
        let mut resolve = Resolve::default();
        let package = resolve.push_source("test.wit", text).unwrap();
        shapes(&(resolve, package))
    };
    let before = parse("package a:b; interface i { record r { one: u32 } f: func() -> r; }");
    let grown =
        parse("package a:b; interface i { record r { one: u32 } f: func() -> r; g: func(); } interface j {}");
    assert!(changes(&before, &grown).is_empty());
    let broken = parse("package a:b; interface i { record r { one: u32, two: u32 } f: func() -> r; }");
    assert_eq!(
        changes(&before, &broken),
        ["i.r\n  was record { one: u32 }\n  is  record { one: u32, two: u32 }"]
    );
}

#[test]
fn every_item_says_what_it_is() {
    let (resolve, package) = read("../../wit");
    let mut silent = Vec::new();
    let mut check = |name: String, docs: &Docs| {
        if docs.is_empty() {
            silent.push(name);
        }
    };
    for (name, id) in &resolve.packages[package].interfaces {
        let interface = &resolve.interfaces[*id];
        check(name.clone(), &interface.docs);
        for (item, function) in &interface.functions {
            check(format!("{name}.{item}"), &function.docs);
        }
        for (item, id) in &interface.types {
            let definition = &resolve.types[*id];
            let parts: Vec<(&str, &Docs)> = match &definition.kind {
                TypeDefKind::Record(record) => {
                    record.fields.iter().map(|f| (f.name.as_str(), &f.docs)).collect()
                }
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().map(|c| (c.name.as_str(), &c.docs)).collect()
                }
                TypeDefKind::Enum(cases) => cases.cases.iter().map(|c| (c.name.as_str(), &c.docs)).collect(),
                // Taken from another interface, where it is described.
                TypeDefKind::Type(_) => continue,
                _ => Vec::new(),
            };
            check(format!("{name}.{item}"), &definition.docs);
            for (part, docs) in parts {
                check(format!("{name}.{item}.{part}"), docs);
            }
        }
    }
    for (name, id) in &resolve.packages[package].worlds {
        check(format!("world {name}"), &resolve.worlds[*id].docs);
    }
    assert!(silent.is_empty(), "without a comment in wit/: {}", silent.join(", "));
}

#[test]
fn every_world_of_a_strategy_imports_what_each_of_them_needs() {
    let now = shapes(&read("../../wit"));
    for world in ["strategy", "cache-strategy", "executor-strategy", "prefetch-strategy"] {
        for interface in ["metrics", "dials", "run", "settings", "state", "log"] {
            let import = format!("world {world}, import optimizer:plugin/{interface}@0.1.0");
            assert!(now.contains_key(&import), "{import}");
        }
    }
}
