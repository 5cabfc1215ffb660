//! `docs/functions.md` is made of the comments of `wit/`.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test: what cannot be read fails it")]

mod shapes;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use host_contract::Grant;
use shapes::{read, signature, type_name};
use wit_parser::{Docs, Interface, Resolve, TypeDefKind, TypeId, World, WorldItem};

const COMMAND: &str = "HOST_REWRITE=1 cargo test -p host-contract --test functions";

const HEAD: &str = "\
# Functions and records

Everything that a component may call, and what it answers with: the interfaces of `wit/` with their own comments, made by
`HOST_REWRITE=1 cargo test -p host-contract --test functions`. An interface that has a grant is linked where the profile grants it. The
[reference](reference.md) has the dials and gauges.
";

/// The text of a comment, in one line where it is for a cell.
fn text(docs: &Docs) -> String {
    docs.contents.as_deref().unwrap_or_default().trim().to_owned()
}

fn cell(docs: &Docs) -> String {
    text(docs).split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Rows of a table: a name with its type, and what it is.
fn table(out: &mut String, head: &str, rows: impl Iterator<Item = (String, String, String)>) {
    let (line, rule) = match head {
        "case" => ("| case | with | when |", "|---|---|---|"),
        _ => ("| field | type | what it is |", "|---|---|---|"),
    };
    writeln!(out, "\n{line}\n{rule}").unwrap();
    for (name, ty, what) in rows {
        let ty = if ty.is_empty() { ty } else { format!("`{ty}`") };
        writeln!(out, "| `{name}` | {ty} | {what} |").unwrap();
    }
}

fn described(out: &mut String, resolve: &Resolve, name: &str, id: TypeId) {
    let definition = &resolve.types[id];
    let of =
        |ty: &Option<wit_parser::Type>| ty.as_ref().map_or_else(String::new, |ty| type_name(resolve, ty));
    match &definition.kind {
        TypeDefKind::Record(record) => {
            write!(out, "\n### Record `{name}`\n\n{}\n", text(&definition.docs)).unwrap();
            let row = |field: &wit_parser::Field| {
                (field.name.clone(), type_name(resolve, &field.ty), cell(&field.docs))
            };
            table(out, "field", record.fields.iter().map(row));
        }
        TypeDefKind::Variant(variant) => {
            write!(out, "\n### Variant `{name}`\n\n{}\n", text(&definition.docs)).unwrap();
            let row = |case: &wit_parser::Case| (case.name.clone(), of(&case.ty), cell(&case.docs));
            table(out, "case", variant.cases.iter().map(row));
        }
        TypeDefKind::Enum(cases) => {
            write!(out, "\n### Enum `{name}`\n\n{}\n", text(&definition.docs)).unwrap();
            let row = |case: &wit_parser::EnumCase| (case.name.clone(), String::new(), cell(&case.docs));
            table(out, "case", cases.cases.iter().map(row));
        }
        // A name from another interface, where it is described.
        _ => {}
    }
}

fn interface(out: &mut String, resolve: &Resolve, name: &str, interface: &Interface) {
    let granted = Grant::ALL.iter().any(|grant| grant.name() == name);
    let grant = if granted { format!(" (grant `{name}`)") } else { String::new() };
    write!(out, "\n## Interface `{name}`{grant}\n\n{}\n", text(&interface.docs)).unwrap();
    for (name, function) in &interface.functions {
        let signature = signature(resolve, function);
        let signature = signature.trim_start_matches("func").trim_end_matches(" -> ");
        write!(out, "\n### `{name}{signature}`\n\n{}\n", text(&function.docs)).unwrap();
    }
    for (name, id) in &interface.types {
        described(out, resolve, name, *id);
    }
}

fn world(out: &mut String, resolve: &Resolve, name: &str, world: &World) {
    write!(out, "\n## World `{name}`\n\n{}\n\n", text(&world.docs)).unwrap();
    let names = |items: &wit_parser::IndexMap<wit_parser::WorldKey, WorldItem>| {
        let named = items.iter().filter(|(_, item)| !matches!(item, WorldItem::Type { .. }));
        let name = |key| match key {
            &wit_parser::WorldKey::Interface(id) => resolve.interfaces[id].name.clone().unwrap(),
            wit_parser::WorldKey::Name(name) => name.clone(),
        };
        named.map(|(key, _)| format!("`{}`", name(key))).collect::<Vec<_>>().join(", ")
    };
    writeln!(out, "May import {}. Exports {}.", names(&world.imports), names(&world.exports)).unwrap();
    for (key, item) in &world.exports {
        let (wit_parser::WorldKey::Name(name), WorldItem::Function(function)) = (key, item) else { continue };
        let signature = signature(resolve, function);
        let signature = signature.trim_start_matches("func").trim_end_matches(" -> ");
        write!(out, "\n### `{name}{signature}`\n\n{}\n", text(&function.docs)).unwrap();
    }
}

fn page() -> String {
    let (resolve, package) = read("../../wit");
    let package = &resolve.packages[package];
    let mut out = HEAD.to_owned();
    for of in ["strategy", "eviction"] {
        world(&mut out, &resolve, of, &resolve.worlds[package.worlds[of]]);
    }
    for (name, id) in &package.interfaces {
        interface(&mut out, &resolve, name, &resolve.interfaces[*id]);
    }
    out
}

#[test]
fn the_page_of_functions_is_that_of_the_contract() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/functions.md");
    let expected = page();
    assert!(expected.contains("### `gauge(name: string) -> option<f64>`"), "{expected}");
    if std::env::var_os("HOST_REWRITE").is_some() {
        fs::write(&path, &expected).unwrap();
    } else {
        let text = fs::read_to_string(&path).unwrap_or_default();
        assert!(text == expected, "docs/functions.md is out of date; rewrite it with `{COMMAND}`");
    }
}
