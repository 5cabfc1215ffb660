"""The table of docs/choosing.md; see `run` beside it.

Fixed and chosen runs differ in the choice alone. Both come from one `host sim --profile medium`, which reports what each
policy alone would have missed; that figure is held against `host sim --policy` of its own. Prefetching is off: what it
loads would be hits of the chosen run only. Keys are hashed, whatever the format, so that nothing follows from them.
The worst start is the profile's `cache.policy` set to the policy with the most misses, the first by name of equals.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TRACES = [
    "OLTP.lis.zst", "cloudPhysicsIO.csv.zst", "loop.trace.gz", "cpp.trace.gz", "gli.trace.gz", "multi1.trace.gz",
    "multi2.trace.gz", "multi3.trace.gz", "sprite.trace.gz", "c2k_web07.txt.zst", "corda_vault.txt.zst",
    "mooncake_conv.txt.zst",
]  # fmt: skip
CAPACITIES = ["0.1%", "1%", "10%", "50%"]
# Percent of fewer objects are no cache.
FEWEST = 20
POLICIES = ["lru", "lfu", "arc"]
# Joined of shared traces, the keys of different ones apart; each must come out so many points under the best, or over.
PHASES = [
    ("sprite + 20 x gli + sprite", ["sprite.trace.gz", "gli.trace.gz:20", "sprite.trace.gz"], ["1264"], 0.0),
    ("corda + 5 x loop + corda", ["corda_vault.txt.zst", "loop.trace.gz:5", "corda_vault.txt.zst"], ["1100", "9148"], 0.2),
]
# Points over the best of the fixed policies that a row may miss: by the number of requests.
LONG, LIMIT_LONG, LIMIT_SHORT = 100_000, 0.5, 2.0
# The strategy's settings, doubled and halved for --robustness.
SETTINGS = {"margin": 0.015, "change-cost": 0.0625, "min-misses": 16.0}
TICK_REQUESTS = 500

parser = argparse.ArgumentParser()
parser.add_argument("--host", type=Path, required=True)
parser.add_argument("--traces", type=Path, default=ROOT.parent / "shared/traces")
parser.add_argument("--document", type=Path, default=ROOT / "docs/choosing.md")
parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="simulations at once")
parser.add_argument("--only", default="", help="traces whose name contains this")
parser.add_argument("--print", action="store_true", help="to the terminal, and leave the document alone")
parser.add_argument("--robustness", action="store_true")
parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for the chosen runs")
args = parser.parse_args()
if not args.print and (args.only or args.set):
    parser.error("the document holds every row at the default settings: --only and --set need --print")


def host(*arguments):
    command = [str(args.host), *map(str, arguments)]
    # Nothing of the user's own settings.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOST_")}
    done = subprocess.run(command, capture_output=True, text=True, env=clean | {"XDG_CONFIG_HOME": os.devnull})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)


def chosen(path, capacity, settings):
    """The report of a run under the profile."""
    sets = [part for setting in ["prefetch.enabled=false", *settings] for part in ("--set", setting)]
    report = host("sim", path, "--hash-keys", "--profile", "medium", "--unit", "objects", "--capacity", capacity, "--json", *sets)
    if report["disabled"] or report["interrupted"]:
        sys.exit(f"{path} at {capacity}: {report['disabled'] or 'interrupted'}")
    return report


def rows_of(name, path, capacities):
    """The fixed misses at each capacity that is one."""
    grid = host("sim", path, "--hash-keys", "--policy", ",".join(POLICIES), "--capacity", ",".join(capacities), "--json")["rows"]
    rows = []
    for at, capacity in enumerate(capacities):
        fixed = {row["policy"]: row for row in grid[at :: len(capacities)]}
        (objects,) = {row["capacity"] for row in fixed.values()}
        if objects >= FEWEST:
            misses = {policy: fixed[policy]["misses"] for policy in POLICIES}
            rows.append({
                "trace": name, "path": path, "asked": capacity, "capacity": objects,
                "requests": fixed["lru"]["requests"], "fixed": misses,
            })  # fmt: skip
    return rows


def choose(row, settings):
    """Both starts, as misses; checks the report's own fixed figures on the way."""
    worst = max(sorted(POLICIES), key=lambda policy: row["fixed"][policy])
    cold = chosen(row["path"], row["asked"], settings)
    if {fixed["policy"]: fixed["misses"] for fixed in cold["fixed"]} != row["fixed"]:
        sys.exit(f"{row['trace']} at {row['asked']}: --profile and --policy differ: {cold['fixed']}, {row['fixed']}")
    from_worst = chosen(row["path"], row["asked"], [f"cache.policy={worst}", *settings])
    return row | {"worst": worst, "cold": cold["misses"], "from_worst": from_worst["misses"], "settings": settings}


def points(row, misses):
    return 100 * misses / row["requests"]


def over(row):
    """How many points both starts are over the best."""
    best = min(row["fixed"].values())
    return [points(row, row[start] - best) for start in ("cold", "from_worst")]


def limit(row):
    return row.get("limit", LIMIT_LONG if row["requests"] > LONG else LIMIT_SHORT)


def ok(row):
    worst = max(over(row))
    # Phases that no policy alone is right for: better than each, where the limit is nothing.
    return worst < 0 if limit(row) == 0 else worst <= limit(row)


def table(rows):
    lines = [
        "| trace | requests | capacity | LRU | LFU | ARC | chosen, cold | chosen, from the worst | over the best | limit | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        best = min(row["fixed"].values())
        shown = [f"**{points(row, m):.2f}**" if m == best else f"{points(row, m):.2f}" for m in row["fixed"].values()]
        capacity = f"{row['asked']} = {row['capacity']:,}" if "%" in row["asked"] else f"{row['capacity']:,}"
        cold, worst = over(row)
        cells = [
            row["trace"], f"{row['requests']:,}", capacity, *shown, f"{points(row, row['cold']):.2f}",
            f"{points(row, row['from_worst']):.2f} ({row['worst'].upper()})", f"{cold:+.2f}, {worst:+.2f}",
            "under the best" if limit(row) == 0 else f"{limit(row):+.1f}", "ok" if ok(row) else "**over**",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def means(rows):
    """Mean miss ratio over the rows, each counting once: of each fixed policy, and of both starts."""
    mean = lambda misses: sum(points(row, misses(row)) for row in rows) / len(rows)  # noqa: E731
    fixed = {policy: mean(lambda row: row["fixed"][policy]) for policy in POLICIES}
    best = mean(lambda row: min(row["fixed"].values()))
    return fixed, best, mean(lambda row: row["cold"]), mean(lambda row: row["from_worst"])


def summary(rows):
    fixed, best, cold, worst = means(rows)
    short = [row for row in rows if row["requests"] <= LONG]
    long = [row for row in rows if row["requests"] > LONG]
    lines = ["", "| mean of all rows | misses % |", "|---|---:|"]
    lines += [f"| {policy.upper()} | {fixed[policy]:.3f} |" for policy in POLICIES]
    lines += [f"| chosen, cold | {cold:.3f} |", f"| chosen, from the worst | {worst:.3f} |"]
    lines += [f"| the best of the three in each row | {best:.3f} |", ""]
    for text, some in [(f"over {LONG:,}", long), (f"up to {LONG:,}", short)]:
        if some:
            lines.append(f"Most over the best, rows of {text} requests: {max(max(over(row)) for row in some):+.2f} points.")
    return lines


def judged(rows):
    fixed, _, cold, worst = means(rows)
    return all(map(ok, rows)) and max(cold, worst) < min(fixed.values())


def variants():
    """Each setting doubled and halved, one at a time, and the ticks."""
    for name, value in SETTINGS.items():
        for factor in (0.5, 2.0):
            yield f"`{name}` = {value * factor:g}", [f"strategies.cache-policy.settings.{name}={value * factor:g}"]
    for factor in (0.5, 2.0):
        requests = round(TICK_REQUESTS * factor)
        yield f"`control.tick-requests` = {requests}", [f"control.tick-requests={requests}"]
    yield "`prior` = empty", ['strategies.cache-policy.settings.prior=""']


def robustness(rows, phases, pool):
    """A line for each variant; of the phases the first, which has to be better than every policy."""
    phases = phases[:1]
    lines = [
        "| setting | mean, cold | mean, from the worst | most over, long rows | most over, short rows | rows over | sprite + gli |",
        "|---|---:|---:|---:|---:|---|---:|",
    ]
    for name, settings in [("as they are", []), *variants()]:
        again = list(pool.map(lambda row: choose(row, settings), rows + phases))
        table_rows, phase_rows = again[: len(rows)], again[len(rows) :]
        _, _, cold, worst = means(table_rows)
        most = [
            max((max(over(row)) for row in table_rows if (row["requests"] > LONG) == long), default=0.0)
            for long in (True, False)
        ]
        bad = ", ".join(f"{row['trace']} {row['asked']}" for row in table_rows if not ok(row)) or "none"
        adapts = "; ".join(f"{max(over(row)):+.2f}" for row in phase_rows)
        lines.append(f"| {name} | {cold:.3f} | {worst:.3f} | {most[0]:+.2f} | {most[1]:+.2f} | {bad} | {adapts} |")
    return lines


def show(mark, lines):
    """Into the document, in the place of what stands between the marks; or to the terminal."""
    if args.print:
        print("\n".join([f"## {mark}", "", *lines, ""]), flush=True)
        return
    document = args.document
    begin, end = f"<!-- {mark}: written by bench/choosing/run -->", "<!-- end -->"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    text = document.read_text()
    if not pattern.search(text):
        sys.exit(f"{document} has no place for `{mark}`")
    document.write_text(pattern.sub(lambda _: "\n".join([begin, "", *lines, "", end]), text))


def main():
    paths = {name: args.traces / name for name in TRACES}
    for path in paths.values():
        if not path.is_file():
            sys.exit(f"{path} is not there; --traces says where the traces are")
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(args.jobs) as pool:
        asked = [(name.split(".")[0], path, CAPACITIES) for name, path in paths.items() if args.only in name]
        rows = [row for some in pool.map(lambda one: rows_of(*one), asked) for row in some]
        phases = []
        for number, (name, inputs, capacities, allowed) in enumerate(PHASES):
            if args.only in name:
                joined = Path(scratch) / f"{number}.oracleGeneral.zst"
                sources = [str(args.traces / source) for source in inputs]
                subprocess.run([args.host, "trace", "convert", *sources, "--output", joined], check=True, stderr=subprocess.DEVNULL)
                phases += [row | {"limit": allowed} for row in rows_of(name, joined, capacities)]
        done = list(pool.map(lambda row: choose(row, args.set), rows + phases))
        chosen_rows, chosen_phases = done[: len(rows)], done[len(rows) :]
        parts = {"phases": table(chosen_phases)} if chosen_phases else {}
        if chosen_rows:
            parts["rows"] = table(chosen_rows) + summary(chosen_rows)
        for mark, lines in parts.items():
            show(mark, lines)
        if args.robustness:
            show("robustness", robustness(rows, phases, pool))
    good = all(map(ok, done)) and (bool(args.only) or judged(chosen_rows))
    print("every row is within its limit" if good else "a row, or the mean, is over its limit", file=sys.stderr)
    sys.exit(0 if good else 1)


main()
