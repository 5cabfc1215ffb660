//! The edges of the process: output that nobody takes, an environment that is no text, signals while the work cannot
//! be ended, names that would drive a terminal.

#![cfg(unix)]

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{fail, host, plugin_dir, succeed, trace};

/// Every command that prints to standard output, on inputs that are over quickly.
fn commands(dir: &Path) -> Vec<Vec<String>> {
    let trace = trace(dir, 2_000).display().to_string();
    let trace = trace.as_str();
    let output = dir.join("out.lirs").display().to_string();
    let here = dir.display().to_string();
    let commands: &[&[&str]] = &[
        &["--help"],
        &["--version"],
        &["run", trace],
        &["run", "--json", trace],
        &["sim", trace],
        &["sim", trace, "--csv"],
        &["sim", trace, "--json"],
        &["sim", trace, "--curve"],
        &["sim", trace, "--per-window", "100", "--capacity", "10%"],
        &["sim", trace, "--profile", "small", "--capacity", "10%"],
        &["trace", "info", trace],
        &["trace", "info", "--json", trace],
        &["trace", "convert", trace, "--force", "--output", &output],
        &["plugin", "list"],
        &["plugin", "list", "--json"],
        &["plugin", "inspect", "cache-policy"],
        &["plugin", "inspect", "--json", "cache-policy"],
        &["plugin", "gauges"],
        &["plugin", "gauges", "--json"],
        &["plugin", "dials"],
        &["plugin", "dials", "--json"],
        &["profile", "list"],
        &["profile", "show", "medium"],
        &["profile", "show", "--json", "medium"],
        &["profile", "detect", &here],
        &["profile", "detect", "--json", &here],
    ];
    commands.iter().map(|words| words.iter().map(|word| (*word).to_owned()).collect()).collect()
}

#[test]
fn no_command_minds_a_closed_pipe() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in commands(dir.path()) {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = host().args(&arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!text.contains("error") && !text.contains("panicked"), "{arguments:?}: {text}");
    }
}

#[test]
fn every_command_says_that_the_device_is_full() {
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else {
        eprintln!("SKIPPED: there is no /dev/full");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    for arguments in commands(dir.path()) {
        let output = host().args(&arguments).stdout(full.try_clone().unwrap()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(
            matches!(errors[..], [one] if one.starts_with("error: standard output: ")),
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn a_run_goes_on_where_standard_error_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let trace = trace(dir.path(), 2_000);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = host().args(["run", "--against", "start"]).arg(&trace).stderr(writer).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("hit ratio"));
}

#[test]
fn a_variable_that_is_no_text_matters_only_where_it_is_ours() {
    let no_text = OsStr::from_bytes(b"\xff\xfe");
    let show = |name: &OsStr, value: &OsStr| -> Output {
        host().args(["profile", "show", "medium"]).env(name, value).output().unwrap()
    };
    let others = show(OsStr::new("SOMEBODY_ELSES"), no_text);
    assert!(others.status.success(), "{others:?}");
    let others = show(OsStr::from_bytes(b"NAME\xff"), OsStr::new("text"));
    assert!(others.status.success(), "{others:?}");
    for (name, value) in [
        (OsStr::new("HOST_CACHE_POLICY"), no_text),
        (OsStr::from_bytes(b"HOST_CACHE_POLICY\xff"), OsStr::new("lru")),
    ] {
        let ours = show(name, value);
        assert_eq!(ours.status.code(), Some(2), "{ours:?}");
        let text = String::from_utf8(ours.stderr).unwrap();
        assert!(text.contains("environment HOST_CACHE_POLICY") && text.contains("not UTF-8"), "{text}");
    }
}

/// Waits until the process handles SIGTERM, and sends it a signal by name: one that comes before ends the process in
/// the system's own way.
fn signal(child: &Child, name: &str) {
    let caught = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    };
    for _ in 0..3_000 {
        if caught().is_some_and(|mask| mask & (1 << 14) != 0) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// The code of a process that has to end; it is killed, and the test fails, where it does not.
fn code_of(mut child: Child) -> (Option<i32>, String) {
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if began.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it waits for ever");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn one_signal_ends_a_command_that_waits_for_a_fifo() {
    let dir = tempfile::tempdir().unwrap();
    let fifo = dir.path().join("trace.lis");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (arguments, name) in [
        (&["trace", "info"][..], "TERM"),
        (&["trace", "info"], "INT"),
        (&["sim"], "INT"),
        (&["run", "--ledger"], "TERM"),
    ] {
        let child =
            host().args(arguments).arg(&fifo).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        signal(&child, name);
        let (code, text) = code_of(child);
        assert_eq!(code, Some(130), "{arguments:?}: {text}");
        let last = text.lines().last().unwrap();
        assert!(
            last.contains("5 s after the signal") && last.contains("still opening"),
            "{arguments:?}: {text}"
        );
    }
}

#[test]
fn one_signal_ends_a_run_whose_origin_does_not_answer() {
    let dir = tempfile::tempdir().unwrap();
    let trace = trace(dir.path(), 2_000);
    let mut child = host()
        .args(["run", "--against", "start", "--origin-latency", "1h"])
        .arg(&trace)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("baseline: ") {
        line.clear();
        assert!(told.read_line(&mut line).unwrap() > 0, "it ended");
    }
    // Whether it waits for the origin by then or not, the code is the same; a moment makes it the former.
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, "TERM");
    assert_eq!(code_of(child).0, Some(130));
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    assert!(rest.lines().last().unwrap().contains("5 s after the signal"), "{rest}");
}

#[test]
fn the_input_is_never_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let trace = trace(dir.path(), 200);
    let before = std::fs::read(&trace).unwrap();
    let (soft, hard) = (dir.path().join("soft.jsonl"), dir.path().join("hard.jsonl"));
    std::os::unix::fs::symlink(&trace, &soft).unwrap();
    std::fs::hard_link(&trace, &hard).unwrap();
    for ledger in [&trace, &soft, &hard] {
        for command in [&["run"][..], &["sim", "--profile", "small", "--capacity", "10%"]] {
            let arguments: Vec<&OsStr> = command
                .iter()
                .map(OsStr::new)
                .chain([trace.as_os_str(), OsStr::new("--ledger"), ledger.as_os_str()])
                .collect();
            let text = fail(1, arguments);
            assert!(text.contains("is the input and cannot be the ledger"), "{text}");
            assert_eq!(std::fs::read(&trace).unwrap(), before);
        }
    }
}

#[test]
fn an_error_leaves_the_ledger_of_the_run_before() {
    let dir = tempfile::tempdir().unwrap();
    let trace = trace(dir.path(), 200);
    let bad = dir.path().join("bad.lis");
    std::fs::write(&bad, "1 2 x 4\nnonsense here\n").unwrap();
    let ledger = dir.path().join("ledger.jsonl");
    let text = "the last run's\n".repeat(1_000);
    std::fs::write(&ledger, &text).unwrap();
    let run = |input: &Path, more: &[&str]| {
        host().arg("run").arg(input).arg("--ledger").arg(&ledger).args(more).output().unwrap()
    };
    assert_eq!(run(&bad, &[]).status.code(), Some(1));
    assert_eq!(run(&trace, &["--set", "strategies.nobody.enabled=true"]).status.code(), Some(2));
    assert_eq!(std::fs::read_to_string(&ledger).unwrap(), text);
    assert!(run(&trace, &[]).status.success());
    let whole = std::fs::read_to_string(&ledger).unwrap();
    assert!(whole.starts_with("{\"type\":\"run\"") && !whole.contains("the last run's"), "{whole}");
}

#[test]
fn a_name_cannot_forge_a_line_or_drive_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let forged = "x\nnote: all is well\u{1b}[2J\u{202e}.txt";
    let path = dir.path().join(forged);
    std::fs::copy(trace(dir.path(), 2_000), &path).unwrap();
    let path = path.to_str().unwrap();
    let missing = dir.path().join("no\nerror: such\u{1b}[2J");
    let clean = |text: &str| {
        assert!(
            !text.lines().any(|line| line.starts_with("note: all") || line.starts_with("error: such")),
            "{text}"
        );
        assert!(!text.chars().any(|c| c.is_control() && c != '\n') && !text.contains('\u{202e}'), "{text:?}");
    };
    let text = succeed(["run", path]);
    assert!(text.contains("x\\nnote: all is well\\u{1b}[2J\\u{202e}.txt"), "{text}");
    clean(&text);
    for arguments in [
        &["trace", "info", path][..],
        &["sim", path],
        &["sim", path, "--curve"],
        &["sim", path, "--profile", "small", "--capacity", "10%"],
    ] {
        let text = succeed(arguments);
        assert!(text.contains("x\\nnote: all is well"), "{text}");
        clean(&text);
    }
    clean(&fail(1, ["run", missing.to_str().unwrap()]));

    let plugins = plugin_dir(&["drop-in"]);
    std::fs::write(plugins.path().join("x\nnote: all is well.wasm"), "no component").unwrap();
    let text = succeed(["plugin", "list", "--plugin-dir", plugins.path().to_str().unwrap()]);
    assert!(text.contains("x\\nnote: all is well"), "{text}");
    clean(&text);
}
