"""Plays every bundled scenario under every law from three starts, and writes the tables of docs/workers.md.

A row is a scenario and a law. Its figures are held against the best fixed number of workers, which `host sim --sweep` finds:
from 20 ticks after each change of the scenario on the goodput and the 99th percentile, and, started from that number,
the goodput of each 5 ticks in a row.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parents[2]
LAWS = {"aimd": "AIMD", "vegas": "TCP Vegas", "gradient2": "Gradient2", "hill-climbing": "hill climbing"}
OURS = "worker-sizing"
STARTS = ["from 1", "from the best", "from the bound"]
# Limits of the bundled strategy.
LEAST_GOODPUT = 0.97
MOST_P99 = 1.2
LEAST_OF_FIVE = 0.95
# Ticks in a row that are held against each other.
IN_A_ROW = 5
# Shares that are closer than this are alike.
ALIKE = 0.001

parser = argparse.ArgumentParser()
parser.add_argument("--host", type=Path, required=True)
parser.add_argument("--laws", type=Path, required=True, help="folder of the components of bench/workers/laws")
parser.add_argument("--document", type=Path, default=ROOT / "docs/workers.md")
parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at once")
parser.add_argument("--law", choices=[OURS, *LAWS], help="this law alone, to the terminal")
parser.add_argument("--only", default="", help="scenarios whose name contains this")
parser.add_argument("--print", action="store_true", help="to the terminal, and leave the document alone")
parser.add_argument("--verbose", action="store_true", help="the phases of each run as well")
parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="settings of every run")
parser.add_argument("--with", dest="other", type=Path, metavar="FILE.wasm", help="this strategy in place of the bundled one")
args = parser.parse_args()
terminal = args.print or args.law is not None
if not terminal and (args.only or args.set or args.other):
    parser.error("the document holds every row at the default settings: --only, --set and --with need --print")


def host(*arguments):
    sets = [part for setting in args.set for part in ("--set", setting)]
    command = [str(args.host), "sim", "--json", *map(str, arguments), *sets]
    # Nothing of the user's own settings.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOST_")}
    done = subprocess.run(command, capture_output=True, text=True, env=clean | {"XDG_CONFIG_HOME": os.devnull})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def swept(name):
    report = host("--executor", name, "--fixed", 1, "--sweep")
    return report["workers"], report["best"]


def played(name, law, workers):
    file = args.other if law == OURS else args.laws / f"{law.replace('-', '_')}.wasm"
    report = host("--executor", name, "--workers", workers, *(["--plugin", file] if file else []))
    failed = [of for of in report["strategies"] if of["failures"]]
    if failed or report["interrupted"]:
        sys.exit(f"{name} under {law}: {failed or 'interrupted'}")
    return report


def worst_of_five(ticks, best):
    """The least share of the fixed run's successes in as many ticks in a row, and the first of them."""
    ours, theirs = ([tick["succeeded"] for tick in some] for some in (ticks, best))
    shares = []
    for at in range(len(ours) - IN_A_ROW + 1):
        fixed = sum(theirs[at : at + IN_A_ROW])
        if fixed:
            shares.append((sum(ours[at : at + IN_A_ROW]) / fixed, at + 1))
    return min(shares)


def row(name, law, bounds, best):
    starts = [1, best["workers"], bounds["max"]]
    reports = [played(name, law, max(start, bounds["min"])) for start in starts]
    settled = [report["settled"] for report in reports]
    five, at = worst_of_five(reports[1]["ticks"], best["ticks"])
    if args.verbose:
        verbose(name, law, starts, reports, best)
    return {
        "scenario": name, "law": law, "best": best["workers"], "bound": bounds["max"],
        "goodput": [figures["goodput"] / best["settled"]["goodput"] for figures in settled],
        "p99": [figures["p99_us"] / best["settled"]["p99_us"] for figures in settled],
        "five": five, "five_at": at,
        "last": [report["whole"]["workers_last"] for report in reports],
    }  # fmt: skip


def verbose(name, law, starts, reports, best):
    for start, report in zip(starts, reports):
        for phase, fixed in zip(report["phases"], best["phases"]):
            ours, theirs = phase["settled"], fixed["settled"]
            print(
                f"{name} {law} from {start}, {phase['name']}: {100 * ours['goodput'] / theirs['goodput']:.1f} % of {theirs['goodput']:.0f}/s, "
                f"p99 {ours['p99_us'] / theirs['p99_us']:.2f}x, workers {ours['workers_mean']:.1f} (fixed {best['workers']})"
            )


def faults(row):
    """What a row misses, in words."""
    found = []
    for start, goodput, p99 in zip(STARTS, row["goodput"], row["p99"]):
        if goodput < LEAST_GOODPUT:
            found.append(f"{start} {100 * goodput:.1f} % of the goodput, at least {100 * LEAST_GOODPUT:.0f} %")
        if p99 > MOST_P99:
            found.append(f"{start} {p99:.2f} times the p99, at most {MOST_P99}")
    if row["five"] < LEAST_OF_FIVE:
        found.append(f"{100 * row['five']:.1f} % in the {IN_A_ROW} ticks from tick {row['five_at']}, at least {100 * LEAST_OF_FIVE:.0f} %")
    return found


def one_law(rows):
    lines = [
        f"| scenario | best fixed | {' | '.join(f'goodput {start}, %' for start in STARTS)} | {' | '.join(f'p99 {start}' for start in STARTS)} | worst {IN_A_ROW} ticks, % | workers at the end | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in rows:
        cells = [
            row["scenario"], str(row["best"]), *(f"{100 * share:.1f}" for share in row["goodput"]),
            *(f"{ratio:.2f}x" for ratio in row["p99"]), f"{100 * row['five']:.1f}", ", ".join(map(str, row["last"])),
            "**misses**" if faults(row) else "ok",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    means = [mean(row["goodput"][at] for row in rows) for at in range(3)]
    ratios = [mean(row["p99"][at] for row in rows) for at in range(3)]
    five = mean(row["five"] for row in rows)
    good = sum(not faults(row) for row in rows)
    cells = ["mean", "", *(f"{100 * share:.1f}" for share in means), *(f"{ratio:.2f}x" for ratio in ratios), f"{100 * five:.1f}", "", f"{good} of {len(rows)}"]
    return [*lines, "| " + " | ".join(cells) + " |"]


def share(row):
    return mean(row["goodput"])


def ranks(rows):
    """The place of each law in a scenario: one more than the laws that are better by more than noise."""
    return {row["law"]: 1 + sum(share(other) > share(row) + ALIKE for other in rows) for row in rows}


def all_laws(by_scenario, laws):
    shown = {OURS: f"`{OURS}`", **LAWS}
    lines = [f"| scenario | {' | '.join(shown[law] for law in laws)} |", "|---|" + "---:|" * len(laws)]
    for name, rows in by_scenario.items():
        most = max(share(row) for row in rows)
        cells = []
        for row in rows:
            text = f"{100 * share(row):.1f}"
            text = f"**{text}**" if share(row) >= most - ALIKE else text
            cells.append(f"{text} ({max(row['p99']):.2f}x, {100 * row['five']:.0f})")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    of = {law: [row for rows in by_scenario.values() for row in rows if row["law"] == law] for law in laws}
    places = [ranks(rows) for rows in by_scenario.values()]
    figures = [
        ("mean goodput, %", lambda law: f"{100 * mean(map(share, of[law])):.2f}"),
        ("mean of the worst p99", lambda law: f"{mean(max(row['p99']) for row in of[law]):.2f}x"),
        (f"mean of the worst {IN_A_ROW} ticks, %", lambda law: f"{100 * mean(row['five'] for row in of[law]):.1f}"),
        ("mean rank", lambda law: f"{mean(place[law] for place in places):.2f}"),
        ("scenarios within every limit", lambda law: f"{sum(not faults(row) for row in of[law])} of {len(of[law])}"),
    ]
    return [*lines, *(f"| {name} | {' | '.join(figure(law) for law in laws)} |" for name, figure in figures)]


def beside_others(by_scenario, laws):
    """Where the bundled strategy does not lead, or is last."""
    found = []
    means = {law: mean(share(row) for rows in by_scenario.values() for row in rows if row["law"] == law) for law in laws}
    ahead = [law for law in laws if means[law] > means[OURS]]
    if ahead:
        found.append(f"mean goodput: {', '.join(f'{law} {100 * means[law]:.2f} %' for law in ahead)}, {OURS} {100 * means[OURS]:.2f} %")
    for name, rows in by_scenario.items():
        mine = next(share(row) for row in rows if row["law"] == OURS)
        if all(share(row) > mine + ALIKE for row in rows if row["law"] != OURS):
            found.append(f"{name}: {OURS} is last")
    return found


def show(mark, lines):
    """Into the document, in the place of what stands between the marks; or to the terminal."""
    if terminal:
        print("\n".join([f"## {mark}", "", *lines, ""]), flush=True)
        return
    begin, end = f"<!-- {mark}: written by bench/workers/run -->", "<!-- end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = args.document.read_text()
    if not pattern.search(text):
        sys.exit(f"{args.document} has no place for `{mark}`")
    args.document.write_text(pattern.sub(lambda _: "\n".join([begin, "", *lines, "", end]), text))


def main():
    names = sorted(file.stem for file in (ROOT / "host/scenario/scenarios").glob("*.toml"))
    names = [name for name in names if args.only in name]
    laws = [args.law] if args.law else [OURS, *LAWS]
    # A sweep keeps every core busy by itself.
    best = {name: swept(name) for name in names}
    with ThreadPoolExecutor(args.jobs) as pool:
        asked = [(name, law, *best[name]) for name in names for law in laws]
        done = list(pool.map(lambda one: row(*one), asked))
    by_scenario = {name: [row for row in done if row["scenario"] == name] for name in names}
    judged = laws[0]
    rows = [row for row in done if row["law"] == judged]
    show("rows", one_law(rows))
    found = [f"{row['scenario']}: {fault}" for row in rows for fault in faults(row)]
    if not args.law:
        show("laws", all_laws(by_scenario, laws))
        found += beside_others(by_scenario, laws)
    for fault in found:
        print(fault, file=sys.stderr)
    print(f"{len(found)} limits missed" if found else "every row is within its limits", file=sys.stderr)
    sys.exit(1 if found else 0)


main()
