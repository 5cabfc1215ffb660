//! Lists of commands: what is run, printed, logged and told, and what a strategy makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{fail, host, run};

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A file with these lines.
fn jobs(folder: &Path, lines: &[String]) -> PathBuf {
    let path = folder.join("jobs.txt");
    fs::write(&path, lines.join("\n") + "\n").unwrap();
    path
}

fn lines(count: u32, line: impl Fn(u32) -> String) -> Vec<String> {
    (0..count).map(line).collect()
}

/// The report of a batch that ends with this code, and what its commands printed.
fn reported(code: i32, arguments: &[&str], jobs: &Path) -> (Value, String) {
    let output = host().args(["run", "--json"]).args(arguments).arg(jobs).output().unwrap();
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    let report = String::from_utf8(output.stderr).unwrap();
    let begin = report.find("\n{").map_or(0, |at| at + 1);
    (json(&report[begin..]), String::from_utf8(output.stdout).unwrap())
}

/// The rows of a job log by the names of its columns.
fn rows(log: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(log).unwrap();
    let mut rows = text.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let columns =
        ["line", "try", "start", "wall_seconds", "cpu_seconds", "peak_bytes", "exit", "ending", "command"];
    assert_eq!(rows.next().unwrap(), columns);
    rows.collect()
}

#[test]
fn what_commands_print_is_never_mixed_and_in_order_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    // The later, the quicker.
    let line = |n: u32| format!("for i in 1 2 3; do echo {n} $i; sleep 0.0{}; done", 8 - n / 4);
    let path = jobs(dir.path(), &lines(32, line));
    let (report, printed) = reported(0, &["--shell"], &path);
    assert_eq!((&report["ok"], &report["failed"], &report["commands"]), (&32.into(), &0.into(), &32.into()));
    let printed: Vec<&str> = printed.lines().collect();
    assert_eq!(printed.len(), 96);
    for job in printed.chunks(3) {
        let number = job[0].split(' ').next().unwrap();
        assert_eq!(job, [format!("{number} 1"), format!("{number} 2"), format!("{number} 3")]);
    }
    let (_, ordered) = reported(0, &["--shell", "--keep-order"], &path);
    let expected: String = (0..32).map(|n| format!("{n} 1\n{n} 2\n{n} 3\n")).collect();
    assert_eq!(ordered, expected);
}

#[test]
fn a_job_that_fails_is_told_logged_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let (counter, log) = (dir.path().join("tries"), dir.path().join("jobs.csv"));
    let counter = counter.display();
    let path = jobs(
        dir.path(),
        &[
            "echo fine".to_owned(),
            "echo wrong >&2; exit 3".to_owned(),
            format!("echo x >> {counter}; test $(wc -l < {counter}) -ge 3 && echo third"),
            "kill -9 $$".to_owned(),
            "head -c 200000000 /dev/zero | tail -c 200000000 | wc -c > /dev/null".to_owned(),
        ],
    );
    let log_flag = format!("--job-log={}", log.display());
    let (report, printed) = reported(1, &["--shell", "--retries=2", "--keep-order", &log_flag], &path);
    assert_eq!((&report["ok"], &report["failed"], &report["retries"]), (&3.into(), &2.into(), &6.into()));
    assert_eq!(printed, "fine\nthird\n");
    let endings = |line: &str| -> Vec<(String, String)> {
        let rows = rows(&log).into_iter().filter(|row| row[0] == line);
        rows.map(|row| (row[6].clone(), row[7].clone())).collect()
    };
    let of = |code: &str, ending: &str| (code.to_owned(), ending.to_owned());
    assert_eq!(endings("1"), [of("0", "ok")]);
    assert_eq!(endings("2"), vec![of("3", "exit code 3"); 3]);
    assert_eq!(endings("3"), [of("1", "exit code 1"), of("1", "exit code 1"), of("0", "ok")]);
    assert_eq!(endings("4"), vec![of("137", "signal 9"); 3]);
    let large = rows(&log).into_iter().find(|row| row[0] == "5").unwrap();
    let (peak, cpu): (u64, f64) = (large[5].parse().unwrap(), large[4].parse().unwrap());
    assert!(peak > 200_000_000 && cpu > 0.0, "{large:?}");

    let text = String::from_utf8(run(["run", "--shell", path.to_str().unwrap()]).stderr).unwrap();
    assert!(text.contains("5 of 5 commands in "), "{text}");
    assert!(text.contains("wrong\n"), "what a command says on standard error is passed on: {text}");
    assert!(text.contains("line 2: exit code 3: echo wrong >&2; exit 3"), "{text}");
    assert!(text.contains("line 4: signal 9: kill -9 $$"), "{text}");
}

#[test]
fn one_that_takes_too_long_is_ended_with_all_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    let child = dir.path().join("child");
    let path = jobs(
        dir.path(),
        &[format!("sh -c 'echo $$ > {}; exec sleep 60' ; echo never", child.display()), "echo ok".to_owned()],
    );
    let (report, printed) = reported(1, &["--shell", "--timeout=500ms"], &path);
    assert_eq!((&report["ok"], &report["failed"]), (&1.into(), &1.into()));
    assert_eq!(report["examples"][0]["ending"], "timed-out");
    assert_eq!(printed, "ok\n");
    assert!(!lives(&child));
}

#[test]
fn a_failure_ends_the_batch_where_that_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let line = |n: u32| if n == 0 { "false".to_owned() } else { "sleep 0.05".to_owned() };
    let path = jobs(dir.path(), &lines(200, line));
    let (report, _) = reported(1, &["--halt=on-error"], &path);
    assert_eq!((&report["failed"], &report["halted"]), (&1.into(), &true.into()));
    let not_run = report["not_run"].as_u64().unwrap();
    assert!((1..199).contains(&not_run), "{report}");
    assert_eq!(report["ok"].as_u64().unwrap() + not_run, 199);
}

#[test]
fn a_batch_that_was_killed_goes_on_from_its_log() {
    let dir = tempfile::tempdir().unwrap();
    let (log, done) = (dir.path().join("jobs.csv"), dir.path().join("done"));
    let line = |n: u32| format!("sleep 0.1; echo {n} >> {}", done.display());
    let path = jobs(dir.path(), &lines(200, line));
    let log_flag = format!("--job-log={}", log.display());
    let mut child = host()
        .args(["run", "--shell", &log_flag])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !log.exists() || rows(&log).len() < 20 {
        assert!(Instant::now() < until, "no job ended");
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let before = rows(&log).len();
    assert!(before < 200, "it was over before");
    // As if the kill had cut off a row.
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, format!("{text}17,1,2026-")).unwrap();
    // What ran when the host was killed runs to its end.
    std::thread::sleep(Duration::from_millis(500));
    let ran_before = fs::read_to_string(&done).unwrap().lines().count();

    let (report, _) = reported(0, &["--shell", "--resume", &log_flag], &path);
    let left_out = report["done_before"].as_u64().unwrap();
    assert_eq!(left_out, u64::try_from(before).unwrap());
    assert_eq!(report["ok"].as_u64().unwrap(), 200 - left_out);
    assert_eq!(rows(&log).len(), 200);
    let mut numbers: Vec<u32> =
        fs::read_to_string(&done).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert!(numbers.len() <= 200 + ran_before - before, "no command that was logged ran again");
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());

    let (report, _) = reported(0, &["--shell", "--resume", &log_flag], &path);
    assert_eq!((&report["done_before"], &report["ok"]), (&200.into(), &0.into()), "nothing is left");
}

#[test]
fn ctrl_c_ends_the_commands_too() {
    let dir = tempfile::tempdir().unwrap();
    let child = dir.path().join("child");
    let path = jobs(dir.path(), &[format!("sh -c 'echo $$ > {}; exec sleep 60'; true", child.display())]);
    let running =
        host().args(["run", "--json", "--shell"]).arg(&path).stderr(Stdio::piped()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while fs::read_to_string(&child).map_or(true, |text| text.trim().is_empty()) {
        assert!(Instant::now() < until, "it was not started");
        std::thread::sleep(Duration::from_millis(5));
    }
    let status = Command::new("kill").args(["-INT", &running.id().to_string()]).status().unwrap();
    assert!(status.success());
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    let report = json(&text[text.find('{').unwrap()..]);
    assert_eq!((&report["interrupted"], &report["failed"]), (&true.into(), &1.into()));
    assert!(!lives(&child));
}

/// Whether the process is there whose number is in the file.
fn lives(file: &Path) -> bool {
    let number = fs::read_to_string(file).unwrap();
    let output = Command::new("ps").args(["-o", "stat=", "-p", number.trim()]).output().unwrap();
    let state = String::from_utf8(output.stdout).unwrap();
    // One that has ended may wait for somebody to ask how.
    !state.trim().is_empty() && !state.starts_with('Z')
}

#[test]
fn the_bundled_strategy_finds_how_many_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = jobs(dir.path(), &lines(400, |_| "sleep 0.1".to_owned()));
    let ledger = dir.path().join("ledger.jsonl");
    let flag = format!("--ledger={}", ledger.display());
    let (report, _) = reported(0, &["--set=executor.io-workers=2", &flag], &path);
    let most =
        report["decisions"].as_array().unwrap().iter().filter_map(|decision| decision["to"].as_u64()).max();
    assert!(most >= Some(16), "{report}");
    assert_eq!(report["decisions"][0]["dial"], "io-workers");
    let text = fs::read_to_string(&ledger).unwrap();
    assert!(text.contains("\"batch\":true"), "{text}");

    // Without a number of the user's own it begins with a job a core, at most as many as the profile allows.
    let other = tempfile::tempdir().unwrap();
    let (report, _) = reported(0, &["--commands"], &jobs(other.path(), &["true".to_owned()]));
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(report["at_once"][0], cores.min(64));

    let (report, _) = reported(0, &["--set=control.enabled=false", "--set=executor.io-workers=3"], &path);
    assert_eq!((&report["at_once"], report["decisions"].as_array().unwrap().len()), (&json("[3, 3]"), 0));
}

#[test]
fn where_memory_is_short_fewer_run_and_the_ledger_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = jobs(dir.path(), &lines(60, |_| "sleep 0.05".to_owned()));
    let ledger = dir.path().join("ledger.jsonl");
    let flag = format!("--ledger={}", ledger.display());
    // Nearly all of the memory is to stay free, which it is not.
    let (report, _) = reported(0, &["--set=memory.keep-free=0.999", &flag], &path);
    assert_eq!(report["ok"], 60);
    let text = fs::read_to_string(&ledger).unwrap();
    let bound = text.lines().map(json).find(|record| record["command"] == "bound").unwrap();
    assert!(bound["detail"].as_str().unwrap().ends_with("memory is short"), "{bound}");
}

#[test]
fn a_text_of_commands_is_known_and_a_trace_stays_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = jobs(dir.path(), &["echo a b".to_owned(), "# a comment".to_owned(), "echo c".to_owned()]);
    let output = run(["run", path.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let mut printed: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    printed.sort_unstable();
    assert_eq!(printed, ["a b", "c"]);

    let keys = dir.path().join("keys.txt");
    fs::write(&keys, "1\n2\n1\n").unwrap();
    let output = run(["run", keys.to_str().unwrap()]);
    assert!(String::from_utf8(output.stdout).unwrap().contains("hit ratio"), "a trace");

    let mut piped = host().args(["run", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut piped.stdin.take().unwrap(), b"echo piped\n").unwrap();
    assert_eq!(piped.wait_with_output().unwrap().stdout, b"piped\n");
}

#[test]
fn what_is_handed_in_wrong_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &[u8]| -> String {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let empty = path("empty.txt", b"\n# nothing\n");
    assert!(fail(1, ["run", "--commands", &empty]).contains("holds no command"));
    assert!(fail(1, ["run", "--commands", "no-such-file"]).contains("no-such-file: No such file"));
    assert!(fail(1, ["run", "--shell"]).contains("a list of commands is missing"));
    let quoted = path("quoted.txt", b"true\necho 'a\n");
    assert!(fail(1, ["run", &quoted]).contains("quoted.txt: line 2: ends within a quotation"));
    let piped = path("piped.txt", b"ls / | wc\n");
    assert!(fail(1, ["run", &piped]).contains("line 1: | is for a shell"));
    let good = path("good.txt", b"echo a\n");
    assert!(fail(2, ["run", "--resume", &good]).contains("--job-log"));
    assert!(fail(1, ["run", "--commands", "--against=start", &good]).contains("compared with nothing"));
    let log = path("trace.csv", b"key\n1\n");
    assert!(fail(1, ["run", "--job-log", &log, &good]).contains("holds a job log"));
    assert!(fail(1, ["run", "--resume", "--job-log", &log, &good]).contains("is no job log"));
    assert_eq!(fs::read(&log).unwrap(), b"key\n1\n");

    let missing = path("missing.txt", b"no-such-program-here x\n");
    let output = run(["run", "--commands", &missing]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("line 1: not started: No such file or directory"), "{text}");
}
