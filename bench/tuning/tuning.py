"""The tables of docs/tuning.md; see `run` beside it.

Every run is one `host run --json --against nothing`. A fixed run has strategies off; one with prefetching on has the bundled
strategy for prefetching alone. The sweep has two rounds: numbers of IO workers first, then policies, CPU workers and
prefetching at the two best of them. The dozen best settings run twice more, and the five with the best medians take turns
with the tuned runs. Those medians are compared: the least of a sweep's single runs is low by luck as well as by merit.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
POLICIES = ["lru", "arc", "s3-fifo", "w-tinylfu", "lirs", "2q"]
IO = [8, 16, 32, 64]
AGAIN, FINALISTS, TURNS = 12, 5, 5
# Tuned over the best fixed settings: at most, and on the input whose phases want different ones.
MOST, MOST_BUILT_IN, MOST_BUSY = 1.05, 1.0, 1.1
TRACES = {"multi3": "multi3.trace.gz", "sprite": "sprite.trace.gz", "cloudPhysicsIO": "cloudPhysicsIO.csv.zst"}


def sources(folder):
    """A copy of every 32nd of the unpacked crates that cargo has fetched: all of them take a minute a run."""
    home = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo"))
    crates = sorted((home / "registry" / "src").glob("*/*"))[::32]
    for crate in crates:
        shutil.copytree(crate, folder / crate.name, dirs_exist_ok=True)
    return folder if crates else None


def inputs(traces, only, folder):
    directory = sources(folder)
    every = {"built-in": [], "registry sources": [str(directory), "--passes", "3"] if directory else None}
    for name, file in TRACES.items():
        every[name] = [str(traces / file)] if (traces / file).exists() else None
    for name, arguments in every.items():
        if arguments is None:
            print(f"skipped: {name} is not here", file=sys.stderr)
    return {name: a for name, a in every.items() if a is not None and only in ("", name)}


class Setting:
    def __init__(self, policy, io, cpu, prefetch):
        self.policy, self.io, self.cpu, self.prefetch = policy, io, cpu, prefetch

    def key(self):
        return self.policy, self.io, self.cpu, self.prefetch

    def starts(self):
        return [f"cache.policy={self.policy}", f"executor.io-workers={self.io}", f"executor.cpu-workers={self.cpu}"]

    def fixed(self):
        if not self.prefetch:
            return self.starts() + ["control.enabled=false"]
        off = ["cache-policy", "worker-sizing"]
        return self.starts() + [f"strategies.{name}.enabled=false" for name in off]

    def __str__(self):
        return f"{self.policy}, io {self.io}, cpu {self.cpu}, prefetch {'on' if self.prefetch else 'off'}"


def run(host, arguments, sets):
    command = [host, "run", "--profile", "medium", "--json", "--against", "nothing", *arguments]
    command += [part for one in sets for part in ("--set", one)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return json.loads(done.stdout)["tuned"]


def sweep(host, arguments, cores):
    """How many fixed settings were tried, and the best of them, the best first."""
    times = {}

    def again(setting):
        times.setdefault(setting.key(), []).append(run(host, arguments, setting.fixed())["seconds"])

    def measure(setting):
        if setting.key() not in times:
            again(setting)
        return median(times[setting.key()])

    def best():
        return [Setting(*key) for key in sorted(times, key=lambda key: median(times[key]))]

    start = 8
    by_io = sorted(IO, key=lambda io: measure(Setting("lru", io, start, False)))
    for io in by_io[:2]:
        for policy in POLICIES:
            for cpu in sorted({cores, start}):
                for prefetch in (False, True):
                    measure(Setting(policy, io, cpu, prefetch))
    dozen = best()[:AGAIN]
    for _ in range(2):
        for setting in dozen:
            again(setting)
    return len(times), [setting for setting in best() if len(times[setting.key()]) > 1]


def compare(host, name, arguments, cores):
    print(f"{name}: sweep", file=sys.stderr)
    run(host, arguments, ["control.enabled=false"])  # warms the disk cache
    tried, ordered = sweep(host, arguments, cores)
    finalists = ordered[:FINALISTS]
    start = Setting("lru", 8, 8, False)
    rows = {str(one): one.fixed() for one in finalists}
    tuned = {"from the profile's start": start.starts(), "from the best": finalists[0].starts()}
    times = {key: [] for key in [*rows, *tuned, "start"]}
    print(f"{name}: {TURNS} turns", file=sys.stderr)
    for turn in range(TURNS):
        both = [*rows.items(), *tuned.items()]
        for key, sets in both if turn % 2 == 0 else reversed(both):
            times[key].append(run(host, arguments, sets)["seconds"])
    times["start"].append(run(host, arguments, start.fixed())["seconds"])
    best = min(rows, key=lambda key: median(times[key]))
    return {
        "name": name, "tried": tried, "best": best, "fixed": median(times[best]),
        "spread": max(times[best]) / min(times[best]) - 1,
        "start": times["start"][0], "tuned": [median(times[key]) for key in tuned],
    }  # fmt: skip


def busy(host, every):
    """A run beside two busy loops at a lower priority, untuned and tuned in turns."""
    loops = [subprocess.Popen(["nice", sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    rows = []
    try:
        for name in ("built-in", "cloudPhysicsIO"):
            arguments = every.get(name)
            if arguments is None:
                continue
            times = {"untuned": [], "tuned": []}
            for turn in range(3):
                for key in times if turn % 2 == 0 else reversed(times):
                    sets = ["control.enabled=false"] if key == "untuned" else []
                    times[key].append(run(host, arguments, sets)["seconds"])
            rows.append((name, median(times["untuned"]), median(times["tuned"])))
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    return rows


def text(rows, loaded):
    lines = [
        "# Tuning against the best fixed settings", "",
        "Written by `bench/tuning/run --busy`. Every figure is the wall time of `host run --profile medium INPUT`, in seconds:",
        f"medians of {TURNS} turns in which the best fixed settings of a sweep and the tuned runs alternate. The sweep tries policies,",
        "IO workers, CPU workers and prefetching on and off. The registry sources are every 32nd crate of the sources that cargo has",
        "unpacked, read three times. The tuned runs start from the profile's settings (LRU, 8 IO workers),",
        "and from the best fixed ones. `spread` is what runs of the best fixed setting differ by. A trace's origin takes 1 ms.", "",
        "| input | fixed settings tried | the best of them | start | best fixed | spread | tuned from the start | ratio | tuned from the best | ratio |",
        "|---|---:|---|---:|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for r in rows:
        one, other = r["tuned"]
        lines.append(
            f"| {r['name']} | {r['tried']} | {r['best']} | {r['start']:.2f} | {r['fixed']:.3f} | {r['spread']:.0%} | "
            f"{one:.3f} | {one / r['fixed']:.3f} | {other:.3f} | {other / r['fixed']:.3f} |".replace("%", " %")
        )
    if loaded:
        lines += [
            "", "Beside two busy loops at a lower priority (`nice`), on two cores, medians of 3 turns:", "",
            "| input | untuned | tuned | ratio |", "|---|---:|---:|---:|",
        ]  # fmt: skip
        lines += [f"| {name} | {off:.2f} | {on:.2f} | {on / off:.2f} |" for name, off, on in loaded]
    return "\n".join(lines) + "\n"


def over(rows, loaded):
    for r in rows:
        limit = MOST_BUILT_IN if r["name"] == "built-in" else MOST
        for start, tuned in zip(("the start", "the best"), r["tuned"]):
            if tuned > limit * r["fixed"]:
                yield f"{r['name']}: tuned from {start} takes {tuned / r['fixed']:.3f} of the best fixed time, at most {limit}"
    for name, off, on in loaded:
        if on > MOST_BUSY * off:
            yield f"{name} beside busy loops: tuned takes {on / off:.2f} of the untuned time, at most {MOST_BUSY}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--traces", type=Path, default=ROOT.parent / "shared" / "traces")
    parser.add_argument("--only", default="")
    parser.add_argument("--busy", action="store_true")
    parser.add_argument("--print", action="store_true")
    options = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        every = inputs(options.traces, options.only, Path(folder))
        rows = [compare(options.host, name, arguments, cores) for name, arguments in every.items()]
        loaded = busy(options.host, every) if options.busy else []
    if options.print:
        print(text(rows, loaded))
    else:
        (ROOT / "docs" / "tuning.md").write_text(text(rows, loaded))
    found = list(over(rows, loaded))
    for line in found:
        print(line, file=sys.stderr)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
