"""The tables of docs/judge.md; see `run` beside it.

Trials are made by `host/runtime/examples/judge.rs`, a JSON line each. The cost of the strategies that propose the worst is
that of whole runs of `host run`, with nothing but the component `tests/components/worst` at work, against the runs without
strategies that every `host run` makes before and after.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOC = ROOT / "docs/judge.md"
LEVEL, POWER, COST, BLOCKS = 0.05, 0.80, 0.05, 40
AT_ONCE = 4
HOW = [
    ("workers", "the worst workers, for ever"),
    ("turns", "two bad counts of workers in turns"),
    ("back-and-forth", "the count it found, and the worst, in turns"),
    ("policy", "a bad policy"),
    ("capacity", "the least capacity"),
    ("every-dial", "every dial to its worst"),
]
BUNDLED = ["cache-policy", "worker-sizing", "prefetch-rules"]


def clean():
    env = {k: v for k, v in os.environ.items() if not k.startswith("HOST_")}
    return env | {"XDG_CONFIG_HOME": "/dev/null"}


def trials(binary, *args):
    """One dict a run."""
    done = subprocess.run([binary / "examples/judge", *map(str, args)], capture_output=True, text=True, env=clean())
    if done.returncode:
        sys.exit(f"{args}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def live(binary, runs, *args):
    """Live runs, four at a time: they wait for the origin most of the time, and disturb each other as neighbours do."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        share = runs // AT_ONCE
        parts = [pool.submit(trials, binary, "live", "--runs", share, "--first", share * at, *args) for at in range(AT_ONCE)]
        return [run for part in parts for run in part.result()]


def share(runs, key, *values):
    return sum(run[key] in values for run in runs) / len(runs)


def percent(x):
    return f"{100 * x:.1f} %"


def row(where, what, runs, expected):
    """A line of the table of trials, and whether it keeps its limit."""
    false = [v for v in ("better", "worse") if v != expected]
    right, wrong = share(runs, "verdict", expected), share(runs, "verdict", *false)
    beside, beside_wrong = share(runs, "before_after", expected), share(runs, "before_after", *false)
    blocks = [run["blocks"] for run in runs if run["verdict"] == expected]
    ok = wrong <= LEVEL if expected == "no-difference" else right >= POWER
    ok &= max(run["blocks"] for run in runs) <= BLOCKS + 1
    took = f"{statistics.median(blocks):.0f}" if blocks else "-"
    cells = [where, what, len(runs), percent(right), percent(wrong), took, percent(beside), percent(beside_wrong)]
    return f"| {' | '.join(map(str, cells))} | {'ok' if ok else '**missed**'} |", ok


def table_of_trials(binary, quick):
    lines = [
        "| where | changed | runs | judge right | judge wrong | blocks, median | before/after right | wrong | |",
        "|---|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    measured = trials(binary, "noise", "--ticks", 200 if quick else 800)[0]
    noise = ["--repeats", max(0.0, measured["repeats"]), "--stalls", measured["stalls"], "--depth", measured["depth"], "--noise"]
    one = measured["deviation"]
    few, many = (40, 200) if quick else (200, 200)
    planted = 12 if quick else 52
    alike = ["--from", 20, "--to", 24]
    grown = [20, 21], [20, 19]
    fine = True

    def add(where, what, runs, expected):
        nonlocal fine
        line, ok = row(where, what, runs, expected)
        print(line, file=sys.stderr)
        lines.append(line)
        fine &= ok

    for name, args in [("model", [*noise, one]), ("model, three times the noise", [*noise, 3 * one])]:
        # With a limit of 20, 24 workers do what 20 do.
        add(name, "nothing (20 -> 24, both act as 20)", trials(binary, "virtual", "--runs", many, *alike, "--limit", 20, *args), "no-difference")
        if name == "model":
            for (a, b), expected in zip(grown, ["better", "worse"]):
                add(name, f"5 % ({a} -> {b})", trials(binary, "virtual", "--runs", many, "--from", a, "--to", b, *args), expected)
    # Sixteen clients use sixteen workers, however many there are.
    add("live", "nothing (20 -> 24, 16 clients)", live(binary, few, *alike, "--clients", 16), "no-difference")
    for (a, b), expected in zip(grown, ["better", "worse"]):
        add("live", f"5 % ({a} -> {b})", live(binary, planted, "--from", a, "--to", b), expected)
    said = (
        f"Noise as measured live, over {measured['ticks']} ticks of 40 ms: a tick's throughput differs from the mean by "
        f"{percent(measured['deviation'])} (standard deviation), its correlation with the tick before is "
        f"{measured['repeats']:.2f}, and {percent(measured['stalls'])} of the ticks are off by over 15 %, by "
        f"{percent(measured['depth'])} in the mean (a log ratio)."
    )
    return [said, "", *lines], fine


def cost(binary, worst, how, rounds, judge=True):
    """Time of a run with the component over the time without it, as the median of some rounds, and decisions undone."""
    sets = [f"strategies.{name}.enabled=false" for name in BUNDLED]
    grants = '["metrics","dials","cache-control","executor-control","prefetch-control","settings"]'
    sets += [f"strategies.worst.grants={grants}", f"strategies.worst.settings.how={how}", f"control.judge={str(judge).lower()}"]
    ratios, undone = [], []
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(worst, folder)
        args = [binary / "host", "run", "--json", "--profile", "medium", "--plugin-dir", folder]
        for _ in range(rounds):
            done = subprocess.run([*args, *(x for s in sets for x in ("--set", s))], capture_output=True, text=True, env=clean())
            if done.returncode:
                sys.exit(f"{how}: {done.stderr[-2000:]}")
            report = json.loads(done.stdout)
            before = statistics.mean(report[side]["seconds"] for side in ("baseline", "baseline_again"))
            # The share of the throughput that is lost.
            ratios.append(1 - before / report["tuned"]["seconds"])
            undone.append(sum((d.get("effect") or {}).get("verdict") == "worse" for d in report["decisions"]))
    return statistics.median(ratios), statistics.median(undone)


def table_of_costs(binary, worst, quick):
    lines = [
        "| strategy | without the judge | with it | undone | |",
        "|---|---:|---:|---:|---|",
    ]
    fine = True
    for how, words in HOW:
        free, _ = cost(binary, worst, how, 1, judge=False) if not quick else (None, 0)
        lost, undone = cost(binary, worst, how, 1 if quick else 2)
        ok = lost <= COST
        fine &= ok
        without = "-" if free is None else percent(free)
        line = f"| {words} | {without} | {percent(lost)} | {undone:.0f} | {'ok' if ok else '**missed**'} |"
        print(line, file=sys.stderr, flush=True)
        lines.append(line)
    return lines, fine


def write(name, lines):
    text = DOC.read_text()
    begin, end = f"<!-- {name}: written by bench/judge/run -->", f"<!-- end of {name} -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    if not pattern.search(text):
        sys.exit(f"{DOC} has no place for {name}")
    DOC.write_text(pattern.sub(lambda _: "\n\n".join([begin, "\n".join(lines), end]), text))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bin", type=Path, required=True)
    parser.add_argument("--worst", type=Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--only", choices=["trials", "costs"])
    args = parser.parse_args()
    fine = True
    for name in [args.only] if args.only else ["trials", "costs"]:
        lines, ok = table_of_trials(args.bin, args.quick) if name == "trials" else table_of_costs(args.bin, args.worst, args.quick)
        fine &= ok
        if args.quick or args.print:
            print("\n".join(lines), end="\n\n")
        else:
            write(name, lines)
    sys.exit(0 if fine else 1)


main()
