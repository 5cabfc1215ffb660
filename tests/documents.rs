//! The tutorials and the page of errors, followed to the letter: each in an empty folder, its files written, its commands
//! run, and what they print compared with what the page shows.
//!
//! A block of code says in its first line what it is: `file=NAME` is a file, `sh` are commands, `sh exit=N` commands of which the
//! last ends with that code, `text` what the commands before it print. In a text `...` stands for anything, on a line of
//! its own for any number of lines. `sh later` is not run: a command that a host has once it is merged. There is no other
//! block, so that none goes untested.

use std::path::Path;
use std::process::Command;

use crate::support::{components, guests, host, repository};

/// What stands for the repository in a page.
const HERE: &str = "../host/";

#[derive(Debug)]
enum Block<'a> {
    File { name: &'a str, content: String },
    Commands { lines: Vec<String>, exit: i32 },
    Printed { text: String },
    Later,
}

/// The blocks of a page, each with the number of its first line.
fn blocks(page: &str) -> Vec<(usize, Block<'_>)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().zip(1_usize..);
    while let Some((line, number)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let content: Vec<&str> =
            lines.by_ref().map(|(line, _)| line).take_while(|line| *line != "```").collect();
        let text: String = content.iter().flat_map(|line| [*line, "\n"]).collect();
        let words: Vec<&str> = info.split(' ').collect();
        let block = match words[..] {
            [_, word] if word.starts_with("file=") => {
                Block::File { name: word.trim_start_matches("file="), content: text }
            }
            ["sh"] => Block::Commands { lines: commands(&content), exit: 0 },
            ["sh", "later"] => Block::Later,
            ["sh", word] if word.starts_with("exit=") => {
                let exit = word.trim_start_matches("exit=").parse().unwrap();
                Block::Commands { lines: commands(&content), exit }
            }
            ["text"] => Block::Printed { text },
            _ => panic!("line {number}: a block `{info}` says neither what file it is nor that it is run"),
        };
        blocks.push((number, block));
    }
    blocks
}

/// The commands of a block, those that end with a backslash joined with what follows, without comments.
fn commands(lines: &[&str]) -> Vec<String> {
    let joined = lines.join("\n").replace("\\\n", " ");
    let bare = |line: &str| line.split(" #").next().unwrap_or_default().trim().to_owned();
    joined.lines().map(bare).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// Runs a command of a page in its folder: what it prints, and how it ends.
fn run(command: &str, dir: &Path) -> (String, Option<i32>) {
    let words: Vec<&str> = command.split_whitespace().collect();
    let mut process = match words[..] {
        // The build of the tests adds the target, as that of the host does.
        ["rustup", "target", "add", _] => return (String::new(), Some(0)),
        ["cargo", "build", "--release", "--target", "wasm32-wasip2"] => {
            build(dir);
            return (String::new(), Some(0));
        }
        // One of those that all tests share.
        ["cargo", "build", .., "-p", "bad-policy", "--target-dir", target] => {
            let release = dir.join(target).join("wasm32-wasip2/release");
            std::fs::create_dir_all(&release).unwrap();
            std::fs::copy(&components()["bad-policy"], release.join("bad_policy.wasm")).unwrap();
            return (String::new(), Some(0));
        }
        ["cargo", "test"] => {
            let mut process = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
            // As the components are built, so that their dependencies are not built again.
            process.args(["test", "--release", "--quiet", "--target-dir"]).arg(guests());
            process.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
            process
        }
        ["host" | "mkdir" | "cp" | "printf" | "awk" | "rm", ..] => {
            let host = host();
            let mut process = Command::new("sh");
            process.args(["-c", &format!("exec 2>&1; host() {{ \"$HOST\" \"$@\"; }}; {command}")]);
            for (name, value) in host.get_envs() {
                match value {
                    Some(value) => process.env(name, value),
                    None => process.env_remove(name),
                };
            }
            process.env("HOST", host.get_program());
            process
        }
        _ => panic!("`{command}`: the tests do not know how to run this"),
    };
    let output = process.current_dir(dir).output().unwrap();
    let printed = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    // On a slow machine a component takes long enough to compile to be told of.
    let told = |line: &&str| !line.starts_with("compiling ");
    (printed.split_inclusive('\n').filter(told).collect(), output.status.code())
}

/// Builds the package in a folder as `cargo build --release --target wasm32-wasip2` there would, with the dependencies of the
/// bundled plugins where those are the same.
fn build(dir: &Path) {
    let built = guest_build::Build::new(dir).target_dir(guests()).run();
    let release = dir.join("target/wasm32-wasip2/release");
    std::fs::create_dir_all(&release).unwrap();
    for artifact in built.unwrap_or_else(|error| panic!("{error}")) {
        std::fs::copy(&artifact.path, release.join(artifact.path.file_name().unwrap())).unwrap();
    }
}

/// Whether a text is what a page shows.
fn shown(shown: &str, text: &str) -> bool {
    // Spaces at the end of a line are nothing that a page could show.
    let lines =
        |text: &str| text.trim_end().lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    many(&lines(shown), &lines(text))
}

fn many(shown: &[String], text: &[String]) -> bool {
    match (shown, text) {
        ([], []) => true,
        ([first, rest @ ..], _) if first.trim() == "..." => {
            (0..=text.len()).any(|skipped| many(rest, &text[skipped..]))
        }
        ([first, rest @ ..], [line, more @ ..]) => one(first, line) && many(rest, more),
        _ => false,
    }
}

/// Whether a line is what a page shows of it.
pub(crate) fn one(shown: &str, line: &str) -> bool {
    let mut parts = shown.split("...");
    let Some(mut rest) = parts.next().and_then(|begin| line.strip_prefix(begin)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((end, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, behind)) = rest.split_once(part) else { return false };
        rest = behind;
    }
    rest.ends_with(end)
}

fn follow(page: &str) {
    let text = std::fs::read_to_string(repository().join("docs").join(page)).unwrap();
    // Not below the repository, whose workspace a package of a tutorial is not part of.
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // The page of errors takes its bad components from here.
    let bad = dir.join("components");
    std::fs::create_dir(&bad).unwrap();
    if text.contains("components/") {
        for (name, path) in components() {
            std::fs::copy(path, bad.join(format!("{name}.wasm"))).unwrap();
        }
    }
    let top = format!("{}/", repository().canonicalize().unwrap().display());
    let mut printed = String::new();
    let mut ran = 0;
    for (number, block) in blocks(&text) {
        match block {
            Block::File { name, content } => {
                let path = dir.join(name);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content.replace(HERE, &top)).unwrap();
                if name == "Cargo.toml" {
                    // The versions that the bundled plugins have: nothing is looked up.
                    std::fs::copy(repository().join("plugins/Cargo.lock"), dir.join("Cargo.lock")).unwrap();
                }
            }
            Block::Commands { lines, exit } => {
                printed.clear();
                for (place, line) in lines.iter().enumerate() {
                    let (text, code) = run(line, dir);
                    let expected = if place + 1 == lines.len() { exit } else { 0 };
                    assert_eq!(code, Some(expected), "{page}:{number}: `{line}` printed\n{text}");
                    printed.push_str(&text);
                    ran += 1;
                }
            }
            Block::Printed { text } => {
                assert!(shown(&text, &printed), "{page}:{number}: shown is\n{text}\nprinted was\n{printed}");
            }
            Block::Later => {}
        }
    }
    assert!(ran > 0, "{page} has no commands");
}

#[test]
fn the_tutorial_of_a_strategy_is_right() {
    follow("tutorials/strategy.md");
}

#[test]
fn the_tutorial_of_an_eviction_policy_is_right() {
    follow("tutorials/eviction.md");
}

#[test]
fn the_tutorial_of_shadows_of_ones_own_is_right() {
    follow("tutorials/shadows.md");
}

#[test]
fn the_errors_are_those_of_the_host() {
    follow("errors.md");
}

#[test]
fn the_page_on_running_plugins_of_others_is_right() {
    follow("operating.md");
}

#[test]
fn the_page_on_recordings_is_right() {
    follow("recordings.md");
}

#[test]
fn dots_stand_for_anything_and_nothing_else_does() {
    assert!(shown("a ... c\n", "a b c\n"));
    assert!(shown("first\n...\nlast\n", "first\n1\n2\nlast\n"));
    assert!(shown("first\n...\n", "first\n"));
    assert!(!shown("a ... c\n", "a b d\n"));
    assert!(!shown("first\n", "first\nsecond\n"));
    assert!(!shown("...\nlast\n", "first\n"));
}

#[test]
fn every_page_is_in_the_book_and_every_link_of_the_book_leads_somewhere() {
    let docs = repository().join("docs");
    let mut pages = Vec::new();
    let mut folders = vec![docs.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let summary = std::fs::read_to_string(docs.join("SUMMARY.md")).unwrap();
    for page in pages {
        let name = page.strip_prefix(&docs).unwrap().to_str().unwrap();
        assert!(
            name == "SUMMARY.md" || summary.contains(&format!("({name})")),
            "{name} is not in SUMMARY.md"
        );
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            let target = page.parent().unwrap().join(path);
            assert!(target.exists(), "{name}: the link to {link} leads nowhere");
        }
    }
}
