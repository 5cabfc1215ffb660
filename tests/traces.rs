//! `host trace`: describing, converting, refusing.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{fail, host, run, shared_trace, succeed, trace};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn write(dir: &Path, name: &str, content: &str) -> PathBuf {
    let path = dir.join(name);
    fs::write(&path, content).unwrap();
    path
}

fn info(path: &Path) -> Value {
    serde_json::from_str(&succeed(["trace", "info", text(path), "--json"])).unwrap()
}

/// Misses of each policy at each capacity, with the read options given.
fn misses(path: &Path, options: &[&str]) -> Vec<(String, u64)> {
    let all =
        [&["sim", text(path), "--policy", "lru,arc,lfu", "--capacity", "10,50,1%,30%", "--json"], options];
    let report: Value = serde_json::from_str(&succeed(all.concat())).unwrap();
    let rows = report["rows"].as_array().unwrap();
    rows.iter().map(|row| (row["policy"].to_string(), row["misses"].as_u64().unwrap())).collect()
}

#[test]
fn a_trace_is_described() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "a.csv", "key,size\n1,100\n2,3000\n3,50\n2,3000\n3,50\n9,\n");
    let printed = succeed(["trace", "info", text(&path)]);
    let expected = "\
a.csv: csv, uncompressed

keys                hashed  column \"key\" of csv may hold names
requests                 6
distinct keys            4
one-hit keys        50.0 %  of the keys are requested once
top 1 % of keys     33.3 %  of the requests are for them
reuse               33.3 %  of the requests are for a key seen before
sequential          60.0 %  of the requests are for the number after the one before
reuse distance p50       2  objects in an LRU cache that hits 50 % of the reuse, exactly
reuse distance p90       2  90 %
reuse distance p99       2  99 %
footprint           3.1 kB  all objects, each with its first size
requested           6.2 kB  all requests, each with its size
smallest object       50 B
mean object         1.1 kB
largest object        3 kB
without a size      16.7 %  of the requests
";
    assert_eq!(printed.replace(&format!("{}/", dir.path().display()), ""), expected);
    let json = info(&path);
    assert_eq!((json["format"].as_str(), json["compression"].as_str()), (Some("csv"), Some("uncompressed")));
    assert_eq!((json["requests"].as_u64(), json["distinct"].as_u64()), (Some(6), Some(4)));
    assert_eq!(json["reuse_distance"]["p90"], 2);
    assert_eq!(json["sizes"]["footprint_bytes"], 3150);
    assert_eq!(json["interrupted"], false);
    assert_eq!(
        (json["keys"].as_str(), json["numbered_by_first_appearance"].as_bool()),
        (Some("hashed"), Some(false))
    );

    let texts = write(dir.path(), "b.keys", "x\ny\nx\n");
    let json = info(&texts);
    assert_eq!((&json["sequential_share"], &json["sizes"]), (&Value::Null, &Value::Null));
    assert!(succeed(["trace", "info", text(&texts)]).contains("the trace has no sizes"));
}

#[test]
fn reuse_distances_are_where_lru_begins_to_hit() {
    let dir = tempfile::tempdir().unwrap();
    let path = trace(dir.path(), 20_000);
    let json = info(&path);
    let (requests, distinct) = (json["requests"].as_u64().unwrap(), json["distinct"].as_u64().unwrap());
    let reuses = requests - distinct;
    for (name, percent) in [("p50", 50), ("p90", 90), ("p99", 99)] {
        let capacity = json["reuse_distance"][name].as_u64().unwrap();
        let hits = |capacity: u64| {
            let capacity = capacity.to_string();
            let text = succeed(["sim", text(&path), "--policy", "lru", "--capacity", &capacity, "--json"]);
            let report: Value = serde_json::from_str(&text).unwrap();
            requests - report["rows"][0]["misses"].as_u64().unwrap()
        };
        assert!(hits(capacity) * 100 >= reuses * percent, "{name} {capacity}");
        assert!(hits(capacity - 1) * 100 < reuses * percent, "{name} {capacity}");
    }
}

#[test]
fn a_converted_trace_gives_the_same_misses() {
    let dir = tempfile::tempdir().unwrap();
    let numbers = trace(dir.path(), 5_000);
    let texts = dir.path().join("texts.keys");
    let keys = fs::read_to_string(&numbers).unwrap();
    fs::write(&texts, keys.lines().map(|key| format!("user {key}, \"x\"\n")).collect::<String>()).unwrap();
    for original in [&numbers, &texts] {
        let expected = misses(original, &[]);
        for (name, format) in [
            ("a.keys", "plain"),
            ("a.csv.gz", "csv"),
            ("a.lis", "lis"),
            ("a.lirs.zst", "lirs"),
            ("a.oracleGeneral.bin.zst", "oracleGeneral"),
            ("a.dat", "plain"),
        ] {
            let output = dir.path().join(name);
            let printed = succeed([
                "trace",
                "convert",
                text(original),
                "--to",
                format,
                "--output",
                text(&output),
                "--force",
            ]);
            assert!(printed.contains(&format!("5,000 requests, {format}, ")), "{printed}");
            let unclear = printed.contains("read it with `--format plain`");
            assert_eq!(unclear, name == "a.dat" && original == &texts, "{name}: {printed}");
            let options = if unclear { &["--format", "plain"][..] } else { &[] };
            assert_eq!(misses(&output, options), expected, "{name}");
        }
    }
}

#[test]
fn joined_traces_keep_their_keys_apart() {
    let dir = tempfile::tempdir().unwrap();
    let a = write(dir.path(), "a.lis", "1 3 0 0\n");
    let b = write(dir.path(), "b.keys", "2\n3\n");
    let output = dir.path().join("joined.keys");
    let twice = format!("{}:2", text(&b));
    let convert = |more: &[&str]| {
        let arguments =
            [&["trace", "convert", text(&a), &twice, text(&a), "-o", text(&output), "--force"], more];
        succeed(arguments.concat());
        fs::read_to_string(&output).unwrap().split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(convert(&["--shared-keys"]).join(" "), "1 2 3 2 3 2 3 1 2 3");
    let (two, three) = ((2_u64 | 1 << 48).to_string(), (3_u64 | 1 << 48).to_string());
    let apart = ["1", "2", "3", &two, &three, &two, &three, "1", "2", "3"].join(" ");
    assert_eq!(convert(&[]).join(" "), apart);
    assert_eq!(convert(&["--repeat", "2"]).join(" "), format!("{apart} {apart}"));
    assert_eq!(convert(&["--repeat", "2", "--limit", "12"]).join(" "), format!("{apart} 1 2"));
}

#[test]
fn the_joins_of_the_published_experiments() {
    let Some(sprite) = shared_trace("sprite.trace.gz") else { return };
    let Some(gli) = shared_trace("gli.trace.gz") else { return };
    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("joined.oracleGeneral.zst");
    let twenty = format!("{}:20", text(&gli));
    succeed(["trace", "convert", text(&sprite), &twenty, text(&sprite), "--output", text(&output)]);
    let json = info(&output);
    assert_eq!(json["requests"], 2 * 133_996 + 20 * 6_015);
    assert_eq!(json["distinct"], 7_075 + 2_529);
    // Belady's optimum follows from the next accesses, LRU from the order alone.
    let lirs = dir.path().join("joined.lirs.gz");
    succeed(["trace", "convert", text(&sprite), &twenty, text(&sprite), "--output", text(&lirs)]);
    assert_eq!(misses(&output, &[]), misses(&lirs, &[]));
}

#[test]
fn nothing_is_overwritten_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let input = write(dir.path(), "a.keys", "1\n2\n");
    let output = write(dir.path(), "b.keys", "precious\n");
    let convert =
        |output: &Path| vec!["trace".into(), "convert".into(), input.clone(), "-o".into(), output.into()];
    let said = fail(1, convert(&output));
    assert!(said.contains("b.keys: exists; overwrite it with `--force`"), "{said}");
    assert_eq!(fs::read_to_string(&output).unwrap(), "precious\n");
    let said = fail(1, [convert(&input), vec!["--force".into()]].concat());
    assert!(said.contains("a.keys: is an input and cannot be the output"), "{said}");
    let said = fail(1, [convert(dir.path()), vec!["--to".into(), "plain".into(), "--force".into()]].concat());
    assert!(said.contains("is no regular file"), "{said}");
    succeed([convert(&output), vec!["--force".into()]].concat());
    assert_eq!(fs::read_to_string(&output).unwrap(), "1\n2\n");

    // A fault on the way leaves what stood there, and nothing beside it.
    let bad = write(dir.path(), "bad.lis", &format!("{}oops\n", "1 1000 0 0\n".repeat(100)));
    let said = fail(1, ["trace", "convert", text(&bad), "-o", text(&output), "--force"]);
    assert!(said.contains("bad.lis: line 101: expected four decimal numbers"), "{said}");
    assert_eq!(fs::read_to_string(&output).unwrap(), "1\n2\n");
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["a.keys", "b.keys", "bad.lis"]);
}

#[test]
fn what_cannot_be_read_or_written_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let good = write(dir.path(), "good.keys", "1\n");
    let empty = write(dir.path(), "empty", "");
    let odd = write(dir.path(), "odd.xml", "<trace>\n</trace> <!-- -->\n");
    let damaged = write(dir.path(), "hm_0.csv", "1,hm,0,Read,512,1,1\n2,hm,0,Read,x,1,1\n");
    let cases: Vec<(Vec<&str>, i32, &str)> = vec![
        (vec!["info", "none.lis"], 1, "none.lis: no such file"),
        (vec!["info", text(dir.path())], 1, "is a directory; a trace is one file"),
        (vec!["info", text(&empty)], 1, "empty: is empty: it holds no request"),
        (vec!["info", text(&odd)], 1, "cannot tell the format of this file, which begins \"<trace>\""),
        (vec!["info", text(&damaged)], 1, "hm_0.csv: line 2: expected timestamp,hostname,disk"),
        (vec!["info", text(&good), "--format", "xml"], 2, "unknown trace format \"xml\""),
        (vec!["info"], 2, "<TRACE>"),
        (vec!["convert", text(&good), "none.lis", "-o", "out.lis"], 1, "none.lis: no such file"),
        (
            vec!["convert", text(&good), "-o", "out.bin"],
            1,
            "the name of out.bin does not tell the format; choose one with `--to`",
        ),
        (
            vec!["convert", text(&good), "-o", "out.vscsi"],
            1,
            "vscsi is only read; the formats that can be written",
        ),
        (
            vec!["convert", text(&good), "-o", "no/such/dir/out.lis"],
            1,
            "no/such/dir/out.lis: cannot be written: ",
        ),
        (vec!["convert", text(&good), "-o", "out.lis", "--repeat", "0"], 2, "--repeat"),
        (vec!["convert", text(&good), "-o", "out.lis", "--limit", "0"], 2, "--limit"),
        (vec!["convert", text(&good)], 2, "--output"),
        (vec!["convert", "-o", "out.lis"], 2, "FILE[:TIMES]"),
    ];
    for (arguments, code, expected) in cases {
        let said = fail(code, [vec!["trace"], arguments.clone()].concat());
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
}

#[test]
fn help_has_examples() {
    for (command, example) in [
        (&["trace", "--help"][..], "host trace info trace.lis.zst"),
        (&["trace", "info", "--help"], "--key-column url --json"),
        (&["trace", "convert", "--help"], "gli.trace.gz:20"),
    ] {
        let said = succeed(command);
        assert!(said.contains("Usage: host trace") && said.contains(example), "{said}");
    }
    for format in host_formats() {
        assert!(succeed(["trace", "--help"]).contains(&format), "{format}");
    }
}

/// Every format that the host says it knows.
fn host_formats() -> Vec<String> {
    let said = fail(2, ["trace", "info", "x", "--format", "none"]);
    let list = said.split_once("the formats are: ").unwrap().1.lines().next().unwrap();
    list.split(", ").map(str::to_owned).collect()
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_no_file_and_ends_with_130() {
    use std::io::Write as _;
    use std::process::Stdio;

    let dir = tempfile::tempdir().unwrap();
    let output = dir.path().join("out.keys");
    let fifo = dir.path().join("endless");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for arguments in [
        vec!["trace", "convert", text(&fifo), "--format", "plain", "-o", text(&output)],
        vec!["trace", "info", text(&fifo), "--format", "plain"],
    ] {
        let child = host().args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Opens when the host does; from then on it reads and would never end.
        let mut pipe = fs::OpenOptions::new().write(true).open(&fifo).unwrap();
        let keys: String = (0..20_000).map(|key| format!("{key}\n")).collect();
        for _ in 0..20 {
            pipe.write_all(keys.as_bytes()).unwrap();
        }
        let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(kill.unwrap().success());
        // The host goes away while the pipe is being fed, or when it has read the batch it was waiting for.
        while pipe.write_all(keys.as_bytes()).is_ok() {}
        let ended = child.wait_with_output().unwrap();
        assert_eq!(ended.status.code(), Some(130), "{arguments:?}: {ended:?}");
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["endless"], "{arguments:?}");
    }
    // A pipe is read once only.
    let said = run(["trace", "convert", text(&fifo), "-o", "x.oracleGeneral", "--format", "plain"]);
    assert!(String::from_utf8_lossy(&said.stderr).contains("can be read only once"), "{said:?}");
}
