"""The tables of docs/prefetch.md; see `run` beside it.

All runs are in virtual time: a hit takes 10 microseconds, a load 1 ms and one of the origin's 8 slots, at most 8 prefetches
are under way, every object counts as one, the policy is LRU. Ours is `host sim --profile medium` with the bundled strategy
and nothing else; the others are the example `prefetchers` of host-simulator, in the same time, with the best of their
settings, and in the better of two places: in the cache, as in their papers, and on a probation like ours.

Ours holds one trigger in twenty back for ever, to measure what it saves. Under the host every strategy is held back so; the
others are shown with it and without. The limits hold with it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import traces as made

ROOT = Path(__file__).resolve().parents[2]
CAPACITIES = ["1%", "3%", "10%"]
# File, whether its keys keep an order, whether it has true structure. Keys numbered by first appearance would leak the future:
# those are hashed.
TRACES = {
    "gli": ("gli.trace.gz", False, True),
    "loop": ("loop.trace.gz", False, True),
    "OLTP": ("OLTP.lis.zst", False, True),
    "cloudPhysicsIO": ("cloudPhysicsIO.csv.zst", True, True),
    "source walk": (None, True, True),
    f"source walk, {made.JOBS} jobs": (None, True, True),
    "cpp": ("cpp.trace.gz", False, False),
    "multi1": ("multi1.trace.gz", False, False),
    "multi2": ("multi2.trace.gz", False, False),
    "multi3": ("multi3.trace.gz", False, False),
    "sprite": ("sprite.trace.gz", False, False),
    "c2k_web07": ("c2k_web07.txt.zst", False, False),
    "corda_vault": ("corda_vault.txt.zst", False, False),
    "mooncake_conv": ("mooncake_conv.txt.zst", False, False),
}
PEERS = ["Mithril", "PG", "OBL"]
LEAST_PRECISION, MOST_COST = 60.0, 0.5
LRU = ["cache.policy=lru", "strategies.cache-policy.enabled=false", "strategies.worker-sizing.enabled=false", "cache.shadows=false"]


def output(command: list) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(str(part) for part in command)}\n{done.stderr}")
    return done.stdout


class Bench:
    def __init__(self, args, work: Path):
        self.args, self.work = args, work
        self.paths = {}

    def path(self, name: str) -> Path:
        file = TRACES[name][0]
        return self.args.traces / file if file else self.paths[name]

    def make(self, names: list[str]) -> None:
        registry = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "registry/src"
        for name in names:
            if TRACES[name][0]:
                continue
            to = self.work / f"{len(self.paths)}.csv"
            made.walk(ROOT / "Cargo.lock", registry, to, made.JOBS if "jobs" in name else 1)
            self.paths[name] = to

    def sim(self, name: str, capacity: str, sets: list[str]) -> dict:
        form = "--ordered-keys" if TRACES[name][1] else "--hash-keys"
        command = [self.args.host, "sim", self.path(name), "--profile", "medium", "--unit", "objects", "--json"]
        command += ["--capacity", capacity, "--origin-slots", "8", form]
        command += [part for set_ in sets for part in ("--set", set_)]
        return json.loads(output(command))

    def ours(self, name: str, capacity: str, sets: list[str]) -> dict:
        off = self.sim(name, capacity, [*sets, "prefetch.mode=on-demand"])
        on = self.sim(name, capacity, sets)
        prefetch = on["prefetch"]
        used = prefetch["timely"] + prefetch["late"]
        return {
            "requests": on["requests"],
            "misses": off["misses"],
            "removed": percent(off["misses"] - on["misses"], off["misses"]),
            "time": percent(on["seconds"] - off["seconds"], off["seconds"]),
            "precision": percent(used, prefetch["issued"]) if prefetch["issued"] else None,
            "prefetch": prefetch,
            "delayed": on["origin"]["delayed"],
        }

    def peers(self, name: str, capacity: str, misses: int) -> dict:
        """The most that each removes, with its precision: of settings that are as precise as is asked, and of all of them; by
        whether triggers are held back."""
        form = "--ordered-keys" if TRACES[name][1] else "--hash-keys"
        best = {}
        for control in ([], ["--control"]):
            for place in ([], ["--probation"]):
                text = output([self.args.peers, self.path(name), capacity, form, *control, *place])
                for row in map(json.loads, text.splitlines()):
                    removed = percent(misses - row["misses"], misses)
                    precision = percent(row["used"], row["issued"]) if row["issued"] else None
                    counts = {False: (removed, precision)}
                    counts[True] = counts[False] if (precision or 0.0) >= LEAST_PRECISION else (0.0, None)
                    for precise, one in counts.items():
                        key = row["method"], bool(control), precise
                        best[key] = max(best.get(key, one), one, key=lambda found: found[0])
        return best


def percent(part: float, whole: float) -> float:
    return 100.0 * part / whole if whole else 0.0


def figure(value: float | None, digits: int = 1) -> str:
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def at_precision(removed: float, precision: float | None) -> str:
    return figure(removed) if precision is None else f"{figure(removed)} at {figure(precision)}"


def tables(bench: Bench, names: list[str]) -> tuple[str, list[str]]:
    missed, out = [], []
    cells = [(name, capacity) for name in names for capacity in CAPACITIES]
    # A run of the host keeps the other core busy by itself.
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 2) // 2 + 1)) as pool:
        ours = dict(zip(cells, pool.map(lambda cell: bench.ours(*cell, LRU), cells)))
        whole = dict(zip(cells, pool.map(lambda cell: bench.ours(*cell, []), cells)))
        structured = [cell for cell in cells if TRACES[cell[0]][2]]
        peers = dict(zip(structured, pool.map(lambda cell: bench.peers(*cell, ours[cell]["misses"]), structured)))

    out += [
        "## Traces with structure\n",
        "Percent of LRU's misses that are removed, and percent of what was prefetched that was asked for. Of the others, the"
        f" setting that removes most at a precision of at least {LEAST_PRECISION:.0f} %; in brackets the same without one trigger"
        " in twenty held back, and the setting that removes most, however much it wastes.\n",
        "| trace | capacity | misses | ours | precision | time | " + " | ".join(PEERS) + " |",
        "|---|---:|---:|---:|---:|---:|" + "---:|" * len(PEERS),
    ]
    for name, capacity in structured:
        row, beside = ours[name, capacity], peers[name, capacity]
        others = []
        for peer in PEERS:
            (removed, precision), (bare, _) = beside[peer, True, True], beside[peer, False, True]
            most, at = beside[peer, True, False]
            others.append(f"{at_precision(removed, precision)} ({figure(bare)}; {at_precision(most, at)})")
            if removed >= row["removed"] and removed > 0:
                missed.append(f"{name} at {capacity}: {peer} removes {removed:.2f} %, ours {row['removed']:.2f} %")
        if row["removed"] > 0 and (row["precision"] or 0.0) < LEAST_PRECISION:
            missed.append(f"{name} at {capacity}: precision {row['precision']:.1f} %")
        values = [name, capacity, f"{row['misses']:,}", figure(row["removed"]), figure(row["precision"]), figure(row["time"])]
        out.append("| " + " | ".join(values + others) + " |")

    for title, text, rows in (
        ("Every trace, under LRU", "What prefetching changes, in percent of misses and of time.", ours),
        ("Every trace, with the whole profile", "The same where the policy is chosen as it runs.", whole),
    ):
        out += [
            f"\n## {title}\n",
            f"{text} Caused are misses of what left for prefetched entries that nobody asked for.\n",
            "| trace | capacity | misses | time | issued | timely | late | wasted | caused | held back, asked for | misses that waited |",
            "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        ]
        for (name, capacity), row in rows.items():
            counts = row["prefetch"]
            held = f"{counts['withheld']:,}, {figure(percent(counts['withheld_asked'], counts['withheld']), 0)} %" if counts["withheld"] else ""
            values = [name, capacity, figure(-row["removed"], 2), figure(row["time"], 2)]
            values += [f"{counts[key]:,}" for key in ("issued", "timely", "late", "wasted", "caused")]
            out.append("| " + " | ".join([*values, held, f"{row['delayed']:,}"]) + " |")
            if -row["removed"] > MOST_COST or row["time"] > MOST_COST:
                missed.append(f"{title}: {name} at {capacity}: misses {-row['removed']:+.2f} %, time {row['time']:+.2f} %")
    return "\n".join(out) + "\n", missed


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--peers", required=True)
    parser.add_argument("--traces", type=Path, default=ROOT.parent / "shared/traces")
    parser.add_argument("--only", help="rows of traces whose name begins so")
    parser.add_argument("--print", action="store_true", help="to the terminal, and not into docs/prefetch.md")
    args = parser.parse_args()
    if not args.traces.is_dir():
        raise SystemExit(f"SKIPPED: no traces in {args.traces}; name another folder with --traces")
    names = [name for name in TRACES if not args.only or name.startswith(args.only)]
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(args, Path(work))
        bench.make(names)
        text, missed = tables(bench, names)
    if missed:
        text += "\n## Over the limit\n\n" + "".join(f"- {row}\n" for row in missed)
    head = (Path(__file__).parent / "head.md").read_text()
    if args.print:
        print(text)
    else:
        (ROOT / "docs/prefetch.md").write_text(head + "\n" + text)
    for row in missed:
        print(f"over the limit: {row}", file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
