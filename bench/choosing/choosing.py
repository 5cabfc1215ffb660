"""The tables of docs/choosing.md; see `run` beside it.

Fixed and chosen runs differ in the choice alone. The fixed policies are exact replays (`host sim --policy`), the chosen
runs are `host sim --profile medium`. Prefetching is off: what it loads would be hits of the chosen run only. Keys are
hashed, whatever the format, so that nothing follows from them. The worst start is the profile's `cache.policy` set to the
policy with the most misses, the first by name of equals.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path
from statistics import mean

ROOT = Path(__file__).resolve().parents[2]
TRACES = [
    "OLTP.lis.zst", "cloudPhysicsIO.csv.zst", "loop.trace.gz", "cpp.trace.gz", "gli.trace.gz", "multi1.trace.gz",
    "multi2.trace.gz", "multi3.trace.gz", "sprite.trace.gz", "c2k_web07.txt.zst", "corda_vault.txt.zst",
    "mooncake_conv.txt.zst",
]  # fmt: skip
# Made by the authors of LIRS to show patterns; most of what can be gained lies in them.
SYNTHETIC = {"loop", "cpp", "gli", "multi1", "multi2", "multi3", "sprite"}
CAPACITIES = ["0.1%", "1%", "10%", "50%"]
# Percent of fewer objects are no cache.
FEWEST = 20
# The nine that the oracle chooses from, and the adaptive one for a user without shadows.
NINE = ["lru", "fifo", "lfu", "arc", "sieve", "s3-fifo", "w-tinylfu", "lirs", "2q"]
CLIMB = "w-tinylfu-climb"
# Traces joined end to end, the keys of different ones apart: three capacities each, and limits of some in percent.
S, C = "sprite.trace.gz", "corda_vault.txt.zst"
COMPOSED = [
    ("sprite, 20 gli, sprite", [S, "gli.trace.gz:20", S], ["500", "1264", "2500"]),
    ("corda, 5 loop, corda", [C, "loop.trace.gz:5", C], ["915", "1100", "9148"]),
    ("multi1, multi2, multi3", ["multi1.trace.gz", "multi2.trace.gz", "multi3.trace.gz"], ["2%", "10%", "30%"]),
    ("cpp, 2 sprite, cpp", ["cpp.trace.gz", f"{S}:2", "cpp.trace.gz"], ["2%", "10%", "30%"]),
    ("c2k, corda, c2k", ["c2k_web07.txt.zst", C, "c2k_web07.txt.zst"], ["2%", "10%", "30%"]),
    ("mooncake, 2 c2k, mooncake", ["mooncake_conv.txt.zst", "c2k_web07.txt.zst:2", "mooncake_conv.txt.zst"], ["1%", "5%", "20%"]),
    ("10 gli, multi3, 10 gli", ["gli.trace.gz:10", "multi3.trace.gz", "gli.trace.gz:10"], ["5%", "15%", "30%"]),
    ("cloudPhysicsIO, 3 sprite, cloudPhysicsIO", ["cloudPhysicsIO.csv.zst", f"{S}:3", "cloudPhysicsIO.csv.zst"], ["1%", "5%", "20%"]),
    ("loop, 2 sprite, loop", ["loop.trace.gz", f"{S}:2", "loop.trace.gz"], ["300", "800", "2000"]),
    ("sprite, 5 multi2, sprite", [S, "multi2.trace.gz:5", S], ["2%", "10%", "30%"]),
    ("10 cpp, 20 gli, 10 cpp", ["cpp.trace.gz:10", "gli.trace.gz:20", "cpp.trace.gz:10"], ["5%", "15%", "40%"]),
    ("c2k, 5 multi3, c2k", ["c2k_web07.txt.zst", "multi3.trace.gz:5", "c2k_web07.txt.zst"], ["2%", "10%", "30%"]),
]  # fmt: skip
MOST_MISSED = {("sprite, 20 gli, sprite", "1264"): 14.0, ("corda, 5 loop, corda", "915"): 22.5}
# For the table of bytes: the trace that has sizes, and one that gets some.
SIZED, UNSIZED = "cloudPhysicsIO.csv.zst", "c2k_web07.txt.zst"
SIZED_CAPACITIES = ["1%", "3%", "10%", "30%"]
# Points over LRU that a row may miss, by the number of requests; a composition at most one.
LONG, LIMIT_LONG, LIMIT_SHORT, LIMIT_COMPOSED = 100_000, 0.5, 2.0, 1.0
# Means over the rows, in percent and points.
LEAST_REDUCTION, MOST_REGRET, LEAST_GAIN, LEAST_ROBUST = 10.5, 0.4, 1.5, 9.5
# The strategy's settings, doubled and halved for --robustness.
SETTINGS = {"change-cost": 0.03, "patience": 0.6, "memory": 8.0, "min-misses": 16.0}
PRIORS = ["lirs", "w-tinylfu", "arc"]

parser = argparse.ArgumentParser()
parser.add_argument("--host", type=Path, required=True)
parser.add_argument("--traces", type=Path, default=ROOT.parent / "shared/traces")
parser.add_argument("--document", type=Path, default=ROOT / "docs/choosing.md")
parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="simulations at once")
parser.add_argument("--only", default="", help="traces and compositions whose name contains this")
parser.add_argument("--print", action="store_true", help="to the terminal, and leave the document alone")
parser.add_argument("--robustness", action="store_true", help="other settings, ticks and key hashes too")
parser.add_argument("--halves", action="store_true", help="tune on half of the traces, report the other, both ways")
parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="for the chosen runs")
parser.add_argument("--with", dest="other", type=Path, metavar="FILE.wasm", help="this strategy in place of the bundled one")
args = parser.parse_args()
if not args.print and (args.only or args.set or args.other):
    parser.error("the document holds every row at the default settings: --only, --set and --with need --print")


def run(*arguments):
    command = [str(args.host), *map(str, arguments)]
    # Nothing of the user's own settings.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOST_")}
    done = subprocess.run(command, capture_output=True, text=True, env=clean | {"XDG_CONFIG_HOME": os.devnull})
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def host(*arguments):
    return json.loads(run(*arguments))


def chooser():
    """Settings that have the strategy of --with choose alone; none without it."""
    if not args.other:
        return []
    name = host("plugin", "inspect", args.other, "--json")["name"]
    grants = '["metrics", "accesses", "dials", "run", "cache-control", "shadow-control", "settings", "log"]'
    sets = [f"plugins.dir={args.other.resolve().parent}", f"strategies.{name}.enabled=true", f"strategies.{name}.grants={grants}"]
    return sets if name == "cache-policy" else ["strategies.cache-policy.enabled=false", *sets]


def chosen(path, capacity, settings):
    """The misses of a run under the profile."""
    sets = [part for setting in ["prefetch.mode=on-demand", *CHOOSER, *settings] for part in ("--set", setting)]
    report = host("sim", path, "--hash-keys", "--profile", "medium", "--unit", "objects", "--capacity", capacity, "--json", *sets)
    failed = [of for of in report["strategies"] if of["failures"]]
    if failed or report["interrupted"]:
        sys.exit(f"{path} at {capacity}: {failed or 'interrupted'}")
    return report["misses"]


def rows_of(name, path, capacities):
    """The fixed misses at each capacity that is one."""
    policies = ",".join([*NINE, CLIMB])
    grid = host("sim", path, "--hash-keys", "--policy", policies, "--capacity", ",".join(capacities), "--json")["rows"]
    rows = []
    for at, capacity in enumerate(capacities):
        fixed = {row["policy"]: row for row in grid[at :: len(capacities)]}
        (objects,) = {row["capacity"] for row in fixed.values()}
        if objects >= FEWEST:
            rows.append({
                "trace": name, "path": path, "asked": capacity, "capacity": objects, "requests": fixed["lru"]["requests"],
                "fixed": {policy: row["misses"] for policy, row in fixed.items()},
            })  # fmt: skip
    return rows


def from_worst(settings, row):
    """The misses from the worst start."""
    worst = max(sorted(NINE), key=lambda policy: row["fixed"][policy])
    misses = chosen(row["path"], row["asked"], [f"cache.policy={worst}", *settings])
    return row | {"worst": worst, "from_worst": misses, "chosen": misses}


def choose(settings, row):
    """Those of both starts; the worse one counts."""
    cold = chosen(row["path"], row["asked"], settings)
    row = from_worst(settings, row)
    return row | {"cold": cold, "chosen": max(cold, row["from_worst"])}


def points(row, misses):
    return 100 * misses / row["requests"]


def best(row):
    return min(NINE, key=lambda policy: row["fixed"][policy])


def reduction(row, misses):
    """Percent of LRU's misses that are saved."""
    return 100 * (row["fixed"]["lru"] - misses) / row["fixed"]["lru"]


def over_lru(row):
    return points(row, row["chosen"] - row["fixed"]["lru"])


def limit(row):
    """Points over LRU, or percent missed where the row has a limit of its own."""
    most = MOST_MISSED.get((row["trace"], row["asked"]))
    if most is not None:
        return f"{most:g} % missed", points(row, row["chosen"]) <= most
    allowed = LIMIT_COMPOSED if "," in row["trace"] else LIMIT_LONG if row["requests"] > LONG else LIMIT_SHORT
    return f"{allowed:+.1f}", over_lru(row) <= allowed


def table(rows):
    shown = ["lru", "arc", "s3-fifo", "w-tinylfu", "lirs", CLIMB]
    lines = [
        "| trace | requests | capacity | LRU | ARC | S3-FIFO | W-TinyLFU | LIRS | climbing | best of nine | chosen, cold | from the worst | over LRU | limit | |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for row in rows:
        fixed = row["fixed"]
        least = fixed[best(row)]
        cells = [f"**{points(row, fixed[p]):.2f}**" if fixed[p] == least else f"{points(row, fixed[p]):.2f}" for p in shown]
        capacity = f"{row['asked']} = {row['capacity']:,}" if "%" in row["asked"] else f"{row['capacity']:,}"
        text, good = limit(row)
        cells = [
            row["trace"], f"{row['requests']:,}", capacity, *cells, f"{points(row, least):.2f} ({best(row)})",
            f"{points(row, row['cold']):.2f}", f"{points(row, row['from_worst']):.2f} ({row['worst']})",
            f"{over_lru(row):+.2f}", text, "ok" if good else "**over**",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def regret(rows):
    """Mean points over the best of nine, both starts."""
    return mean(points(row, row["chosen"] - row["fixed"][best(row)]) for row in rows)


def summary(rows):
    """What each policy saves, every row counting once."""
    real = [row for row in rows if row["trace"] not in SYNTHETIC]
    saved = [(policy, lambda row, policy=policy: row["fixed"][policy]) for policy in [*NINE[1:], CLIMB]]
    saved += [("chosen, cold", lambda row: row["cold"]), ("chosen, from the worst", lambda row: row["from_worst"])]
    saved += [("the best of nine in each row", lambda row: row["fixed"][best(row)])]
    lines = ["", "| policy | percent of LRU's misses saved, all rows | without the LIRS authors' traces |", "|---|---:|---:|"]
    for name, misses in saved:
        means = [f"{mean(reduction(row, misses(row)) for row in some):.2f}" if some else "" for some in (rows, real)]
        lines.append(f"| {name} | {' | '.join(means)} |")
    return [*lines, "", f"Over the best of nine, mean of the rows: {regret(rows):.2f} points (limit {MOST_REGRET})."]


def gain(rows):
    """Mean percent of the best single policy's misses that are saved."""
    return mean(100 * (1 - row["chosen"] / row["fixed"][best(row)]) for row in rows)


def judged(rows):
    return mean(reduction(row, row["chosen"]) for row in rows) >= LEAST_REDUCTION and regret(rows) <= MOST_REGRET


def set_of(name, value):
    return f"strategies.cache-policy.settings.{name}={value}"


def variants():
    """Each setting doubled and halved, one at a time, and the ticks."""
    for name, value in SETTINGS.items():
        for factor in (0.5, 2.0):
            yield f"`{name}` = {value * factor:g}", [set_of(name, value * factor)]
    for requests in (100, 250, 2_000):
        yield f"`control.tick-requests` = {requests}", [f"control.tick-requests={requests}"]
    for prior in PRIORS[1:]:
        yield f"`prior` = `{prior}`", [set_of("prior", f'"{prior}"')]


def line(name, rows):
    real = [row for row in rows if row["trace"] not in SYNTHETIC]
    saved = [f"{mean(reduction(row, row['chosen']) for row in some):.2f}" for some in (rows, real)]
    bad = ", ".join(f"{row['trace']} {row['asked']}" for row in rows if not limit(row)[1]) or "none"
    return f"| {name} | {' | '.join(saved)} | {regret(rows):.2f} | {bad} |"


def robustness(rows, paths, scratch, pool):
    lines = ["| setting | misses saved, % | without the LIRS authors' traces | regret, points | rows over |", "|---|---:|---:|---:|---|"]
    for name, settings in [("as they are", []), *variants()]:
        lines.append(line(name, list(pool.map(partial(from_worst, settings), rows))))
    # A file of hashes is hashed again when it is read: other keys, the same trace.
    before = paths
    for number in (2, 3):
        hashed = {name: Path(scratch) / f"{number}-{name.split('.')[0]}.txt.zst" for name in paths}
        for name, to in hashed.items():
            run("trace", "convert", before[name], "--hash-keys", "--to", "plain", "--output", to)
        again = [row for some in pool.map(lambda name: rows_of(name.split(".")[0], hashed[name], CAPACITIES), hashed) for row in some]
        lines.append(line(f"key hash {number}", list(pool.map(partial(from_worst, []), again))))
        before = hashed
    return lines


def halves(rows, pool):
    """Settings that are best on every other trace, and what they do on the others."""
    names = sorted({row["trace"] for row in rows})
    grid = list(product((0.015, 0.03, 0.06), PRIORS))
    done = {}
    for point in grid:
        settings = [set_of("change-cost", point[0]), set_of("prior", f'"{point[1]}"')]
        done[point] = list(pool.map(partial(from_worst, settings), rows))
    lines = ["| tuned on | settings | misses saved there, % | on the other half, % | the best there, % |", "|---|---|---:|---:|---:|"]
    for first in (0, 1):
        mine = set(names[first::2])
        saved = lambda point, inside: mean(reduction(row, row["chosen"]) for row in done[point] if (row["trace"] in mine) == inside)  # noqa: E731
        point = max(grid, key=lambda point: saved(point, True))
        most = max(saved(other, False) for other in grid)
        shown = f"`change-cost` {point[0]:g}, `prior` `{point[1]}`"
        lines.append(f"| {', '.join(sorted(mine))} | {shown} | {saved(point, True):.2f} | {saved(point, False):.2f} | {most:.2f} |")
    return lines


def with_sizes(path, scratch):
    """The requests of a trace of numbers, each key with a size of its own: log-normal, 8 kB in the median."""
    plain, sized = Path(scratch) / "plain.txt", Path(scratch) / "sized.csv"
    run("trace", "convert", path, "--to", "plain", "--output", plain)
    size = lambda key: min(max(int(random.Random(key).lognormvariate(9, 1.5)), 64), 10_000_000)  # noqa: E731
    keys = plain.read_text().split()
    sized.write_text("key,size\n" + "".join(f"{key},{size(key)}\n" for key in keys))
    return sized


def by_bytes(inputs, pool):
    """What is missed, in percent of the bytes, where misses are counted and where bytes are."""
    lines = ["| trace | capacity | LRU | best followed policy | choosing by misses | choosing by bytes |", "|---|---:|---:|---:|---:|---:|"]

    def report(path, capacity, objective):
        sets = [part for setting in ["prefetch.mode=on-demand", f"optimise={objective}"] for part in ("--set", setting)]
        return host("sim", path, "--hash-keys", "--profile", "medium", "--capacity", capacity, "--json", *sets)

    asked = [(name, path, capacity) for name, path in inputs for capacity in SIZED_CAPACITIES]
    done = pool.map(lambda one: (one, *(report(one[1], one[2], objective) for objective in ("throughput", "bandwidth"))), asked)
    for (name, _, capacity), by_misses, by_bytes in done:
        alone = {row["policy"]: row["byte_miss_ratio"] for row in by_bytes["fixed"]}
        least = min(alone, key=alone.get)
        cells = [
            name, f"{capacity} = {by_bytes['capacity'] / 1e6:,.1f} MB", f"{100 * alone['lru']:.2f}",
            f"{100 * alone[least]:.2f} ({least})", *(f"{100 * each['byte_miss_ratio']:.2f}" for each in (by_misses, by_bytes)),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
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
        for number, (name, inputs, capacities) in enumerate(COMPOSED):
            if args.only in name:
                joined = Path(scratch) / f"{number}.oracleGeneral.zst"
                run("trace", "convert", *(args.traces / source for source in inputs), "--output", joined)
                asked.append((name, joined, capacities))
        fixed = [row for some in pool.map(lambda one: rows_of(*one), asked) for row in some]
        done = list(pool.map(partial(choose, args.set), fixed))
        rows = [row for row in done if "," not in row["trace"]]
        composed = [row for row in done if "," in row["trace"]]
        good = all(limit(row)[1] for row in done)
        if rows:
            show("rows", table(rows) + summary(rows))
            good &= bool(args.only) or judged(rows)
        if composed:
            text = f"Fewer misses than the best of nine in each row, mean: {gain(composed):.2f} % (limit {LEAST_GAIN})."
            show("composed", [*table(composed), "", text])
            good &= bool(args.only) or gain(composed) >= LEAST_GAIN
        if not args.only:
            inputs = [(SIZED.split(".")[0], paths[SIZED]), (f"{UNSIZED.split('.')[0]}, log-normal sizes", with_sizes(paths[UNSIZED], scratch))]
            show("bytes", by_bytes(inputs, pool))
        if args.robustness:
            show("robustness", robustness(rows, paths, scratch, pool))
        if args.halves:
            show("halves", halves(rows, pool))
    print("every row and mean is within its limit" if good else "a row, or a mean, is over its limit", file=sys.stderr)
    sys.exit(0 if good else 1)


CHOOSER = chooser()
main()
