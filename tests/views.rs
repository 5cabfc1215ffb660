//! `host sim --curve`, `--per-window`, `--sizes` and `--plot`: what a person, a program and a picture are told.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::simulator::simulate;
use crate::support::{fail, host, looping, succeed, trace};

#[test]
fn a_curve_has_capacities_down_each_once_and_a_line_for_each_policy() {
    let dir = tempfile::tempdir().unwrap();
    let path = looping(dir.path());
    let arguments = ["sim", path.to_str().unwrap(), "--curve", "--policy", "lru,belady"];
    let expected = "\
2,000 requests, 10 distinct keys
miss ratio in percent; the cold start counts

CAPACITY  OF ALL KEYS     lru  belady
       1      10.00 %  100.00  100.00
       2      20.00 %  100.00   88.90
       3      30.00 %  100.00   77.85
       5      50.00 %  100.00   55.75
       7      70.00 %  100.00   33.65
      10     100.00 %    0.50    0.50

POLICY  CURVE    MEAN
lru     █████▁  83.42
belady  ██▇▅▃▁  59.44
";
    assert_eq!(succeed(arguments).split_once(": ").unwrap().1, expected);
    let dumb = host().args(arguments).env("TERM", "dumb").output().unwrap();
    let dumb = String::from_utf8(dumb.stdout).unwrap();
    assert!(dumb.contains("lru     999990  83.42") && dumb.contains("belady  987530  59.44"), "{dumb}");
}

#[test]
fn a_curve_is_drawn_over_the_range_that_is_asked_for_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = looping(dir.path());
    let arguments = [path.to_str().unwrap(), "--curve", "--capacity", "2..4", "--policy", "lru,arc"];
    let rows = simulate(&arguments);
    let cell = |row: &Value| format!("{} {}", row["policy"].as_str().unwrap(), row["capacity"]);
    let cells: Vec<String> = rows.iter().map(cell).collect();
    assert_eq!(cells, ["lru 2", "lru 3", "lru 4", "arc 2", "arc 3", "arc 4"]);
    let csv = succeed([&["sim"], &arguments[..], &["--csv"]].concat());
    assert_eq!(csv.lines().count(), 7, "{csv}");
    assert!(csv.contains("\nlru,4,2000,2000,1.000000,"), "{csv}");
}

#[test]
fn without_policies_a_curve_has_the_limit_unless_it_is_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = sized(dir.path());
    let policies = |arguments: &[&str]| -> BTreeSet<String> {
        let rows = simulate(&[&[path.to_str().unwrap(), "--curve"], arguments].concat());
        rows.iter().map(|row| row["policy"].as_str().unwrap().to_owned()).collect()
    };
    let in_objects = policies(&[]);
    assert!(
        in_objects.is_superset(&["lru", "lfu", "arc", "belady"].map(str::to_owned).into()),
        "{in_objects:?}"
    );
    for in_bytes in [&["--sizes"][..], &["--capacity", "1kB..5kB"]] {
        assert!(!policies(in_bytes).contains("belady"), "{in_bytes:?}");
    }
}

#[test]
fn windows_show_the_phases_of_a_trace_in_every_form() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("phases.txt");
    // A hot set of four keys, then keys that never come again, then the hot set.
    let phase = |hot: bool, from: u64| (from..from + 100).map(move |n| if hot { n % 4 } else { n });
    let keys = phase(true, 0).chain(phase(false, 100)).chain(phase(true, 200)).take(250);
    std::fs::write(&path, keys.map(|key| format!("{key}\n")).collect::<String>()).unwrap();
    let path = path.to_str().unwrap();
    let arguments = ["--per-window", "100", "--capacity", "4", "--policy", "lru,lfu,belady"];
    let expected = "\
250 requests, 104 distinct keys
hit ratio in percent per 100 requests; capacity 4

FROM    lru    lfu  belady
   0  96.00  96.00   96.00
 100   0.00   0.00    0.00
 200  92.00  98.00   98.00

POLICY  0 TO 98 %   LOW   HIGH  WHOLE
lru     █▁█        0.00  96.00  56.80
lfu     █▁█        0.00  98.00  58.00
belady  █▁█        0.00  98.00  58.00
";
    let table = succeed([&["sim", path], &arguments[..]].concat());
    assert_eq!(table.split_once(": ").unwrap().1, expected);
    let csv = succeed([&["sim", path], &arguments[..], &["--csv"]].concat());
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "policy,capacity,first,requests,hits,hit_ratio");
    assert_eq!(
        lines[1..4],
        ["lru,4,0,100,96,0.960000", "lru,4,100,100,0,0.000000", "lru,4,200,50,46,0.920000"]
    );
    assert_eq!(lines.len(), 10);
    for row in simulate(&[&[path], &arguments[..]].concat()) {
        let windows = row["windows"].as_array().unwrap();
        let sum = |what: &str| windows.iter().map(|window| window[what].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("requests"), 250);
        assert_eq!(sum("requests") - sum("hits"), row["misses"].as_u64().unwrap(), "{row}");
    }
}

/// A hundred small objects and a large one, each asked for twice in a row.
fn sized(dir: &Path) -> PathBuf {
    let path = dir.join("sized.csv");
    let rows: String =
        (0..202).map(|n| format!("{},{}\n", n / 2, if n < 200 { 10 } else { 9_000 })).collect();
    std::fs::write(&path, format!("key,size\n{rows}")).unwrap();
    path
}

#[test]
fn sizes_put_byte_ratios_beside_object_ratios() {
    let dir = tempfile::tempdir().unwrap();
    let path = sized(dir.path());
    let path = path.to_str().unwrap();
    // Half of the 10,000 bytes hold any small object, but not the large one.
    let arguments = ["sim", path, "--sizes", "--policy", "lru", "--capacity", "50%,100%,1"];
    let expected = "\
202 requests, 101 distinct keys
hit ratio in percent, by object and by byte; the cold start counts

POLICY  50% = 5 kB  BYTES  100% = 10 kB  BYTES      1  BYTES
lru          49.50   5.00         50.00  50.00  50.00  50.00
";
    assert_eq!(succeed(arguments).split_once(": ").unwrap().1, expected);
    let csv = succeed([&arguments[..], &["--csv"]].concat());
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "policy,capacity,requests,misses,miss_ratio,byte_miss_ratio,seconds");
    assert!(lines[1].starts_with("lru,5000,202,102,0.504950,0.950000,"), "{csv}");
    let rows = simulate(&arguments[1..]);
    assert_eq!(rows[0]["byte_miss_ratio"], 0.95);
    let curve = succeed(["sim", path, "--sizes", "--curve", "--policy", "lru", "--capacity", "50%,100%"]);
    assert!(
        curve.contains("OF ALL BYTES") && curve.contains("by byte") && curve.contains("MEAN  BY BYTE"),
        "{curve}"
    );
    assert!(curve.contains("lru     ▅▅     50.25    72.50"), "{curve}");
}

#[test]
fn a_plot_is_an_svg_with_a_line_and_a_name_for_each_policy_and_the_same_bytes_twice() {
    let dir = tempfile::tempdir().unwrap();
    let trace = trace(dir.path(), 3_000);
    let draw = |file: &str, arguments: &[&str]| {
        let file = dir.path().join(file);
        let all = [
            "sim",
            trace.to_str().unwrap(),
            "--policy",
            "lru,lfu,arc,belady",
            "--plot",
            file.to_str().unwrap(),
        ];
        succeed([&all, arguments].concat());
        std::fs::read_to_string(file).unwrap()
    };
    for (view, limit) in [(&["--curve"][..], "belady (limit)"), (&["--per-window", "100"], "belady")] {
        let svg = draw("a.svg", view);
        assert_eq!(draw("a.svg", view), svg, "over an older plot");
        let document = roxmltree::Document::parse(&svg).unwrap();
        let all = |tag: &'static str| document.descendants().filter(move |node| node.has_tag_name(tag));
        let texts: Vec<&str> = all("text").filter_map(|node| node.text()).map(str::trim).collect();
        for expected in ["keys.txt", "3,000 requests, 1,049 distinct keys", "lru", "lfu", "arc", limit] {
            assert!(texts.iter().any(|text| text.starts_with(expected)), "{expected}: {texts:?}");
        }
        // Axes and their ticks are black and thin, samples in the legend have two points.
        let points =
            |node: &roxmltree::Node<'_, '_>| node.attribute("points").unwrap().split_whitespace().count();
        let lines: Vec<_> = all("polyline").filter(|node| points(node) > 2).collect();
        let colors: BTreeSet<&str> = lines.iter().map(|node| node.attribute("stroke").unwrap()).collect();
        assert_eq!((lines.len(), colors.len()), (4, 4), "{view:?}");
        let longest = lines.iter().map(points).max();
        assert_eq!(lines.iter().map(points).min(), longest, "every line is whole");
    }
}

#[test]
fn a_plot_that_cannot_be_written_is_told_before_the_trace_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let draw = |plot: &Path| fail(1, ["sim", "no-such-trace", "--curve", "--plot", plot.to_str().unwrap()]);
    let nowhere = dir.path().join("no/such/dir/a.svg");
    let text = draw(&nowhere);
    assert!(text.contains(nowhere.to_str().unwrap()) && text.contains("cannot be written"), "{text}");
    let text = draw(&dir.path().join("a.png"));
    assert!(text.contains("a.png: plots are SVG; give a name that ends in .svg"), "{text}");
    let good = dir.path().join("a.svg");
    let text = draw(&good);
    assert!(text.contains("no-such-trace") && !good.exists(), "{text}");
}

#[test]
fn views_that_do_not_go_together_say_what_does() {
    let dir = tempfile::tempdir().unwrap();
    let path = sized(dir.path());
    let path = path.to_str().unwrap();
    let text = fail(2, ["sim", path, "--plot", "a.svg"]);
    assert!(text.contains("<--curve|--per-window <N>>"), "{text}");
    let text = fail(2, ["sim", path, "--curve", "--per-window", "10"]);
    assert!(text.contains("'--curve' cannot be used with '--per-window <N>'"), "{text}");
    let text = fail(2, ["sim", path, "--curve", "--capacity", "10%..1%"]);
    assert!(text.contains("the smaller and the larger of two capacities of one kind"), "{text}");
    let text = fail(1, ["sim", path, "--per-window", "10", "--capacity", "1%,2%"]);
    assert!(text.contains("with --per-window give one --capacity"), "{text}");
    let text = fail(1, ["sim", path, "--capacity", "1%..2%"]);
    assert!(text.contains("a range of capacities is for --curve"), "{text}");
    let text = fail(1, ["sim", path, "--curve", "--capacity", "10,1kB"]);
    assert!(text.contains("give --capacity in bytes or in objects, not both"), "{text}");
    let text = fail(1, ["sim", path, "--sizes", "--policy", "belady"]);
    assert!(text.contains("leave belady out, or give --capacity in objects"), "{text}");
    let without = looping(dir.path());
    let text = fail(1, ["sim", without.to_str().unwrap(), "--sizes"]);
    assert!(text.contains("loop.txt: byte miss ratios were asked for, but plain gives no sizes"), "{text}");
}
