"""Serves for an hour at half load with its strategies on, and draws what memory it held and how fast it was: docs/img/soak.png.

    python3 bench/serve/soak.py --host target/release/host               # an hour; needs matplotlib (pip install matplotlib)
    python3 bench/serve/soak.py --host target/release/host --minutes 5 --output /tmp/soak.png

Half load: redis-benchmark, which goes as fast as it can, runs for as long as it then rests. Keys are 16 times as many as memory has room for,
so that the cache evicts, a warm tier and a disk tier work, and strategies have something to decide. After each rest a Redis of the same
size, which evicts by LRU and has no tiers, gets a few of the same requests: where both get slower, the machine did.
"""

import argparse
import csv
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from statistics import mean, median

from servers import Server, host, redis

ROOT = Path(__file__).resolve().parents[2]
CAPACITY = 100_000_000
KEYS = 16 * CAPACITY // 300


class Load(threading.Thread):
    """redis-benchmark in turns of GET and SET, each followed by a rest of its length. Seconds since the start, kind of server, test and
    requests a second of each turn."""

    def __init__(self, began, server, beside):
        super().__init__(daemon=True)
        self.began, self.server, self.beside = began, server, beside
        self.stopped, self.turns = False, []

    def turn(self, server, test, requests):
        began = time.monotonic()
        command = ["taskset", "-c", "1", "redis-benchmark", "-p", str(server.port), "-c", "50", "-d", "128"]
        command += ["-r", str(KEYS), "-n", str(requests), "-t", test, "-q"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        took = time.monotonic() - began
        self.turns.append((began - self.began, server.kind, test, requests / took))
        return took

    def run(self):
        while not self.stopped:
            for test in ("set", "get", "get"):
                time.sleep(self.turn(self.server, test, 60_000))
                self.turn(self.beside, test, 10_000)


def figures(server):
    """Of INFO: what is counted by name."""
    lines = server.client("INFO").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def draw(rows, turns, path, about):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (above, below) = pyplot.subplots(2, 1, figsize=(9, 6), sharex=True)
    minutes = [row["seconds"] / 60 for row in rows]
    above.plot(minutes, [row["rss"] / 1e6 for row in rows], label="resident memory")
    above.plot(minutes, [row["capacity"] / 1e6 for row in rows], label="capacity of the cache", linestyle="--")
    above.set_ylim(bottom=0)
    above.set_ylabel("MB")
    above.legend(loc="lower right")
    above.set_title(about)
    for kind, label, color in (("host", "host, three tiers", "C0"), ("redis", "Redis, memory alone", "C1")):
        for test, style in (("get", "-"), ("set", ":")):
            of = [(at / 60, rate / 1e3) for at, of_kind, of_test, rate in turns if (of_kind, of_test) == (kind, test)]
            smooth = [(of[at][0], median(rate for _, rate in of[max(0, at - 5) : at + 6])) for at in range(len(of))]
            below.plot(*zip(*smooth), label=f"{label}: {test.upper()}", linestyle=style, color=color)
    below.set_ylim(0, 1.2 * max(rate for *_, rate in turns) / 1e3)
    below.set_ylabel("thousand requests a second under load")
    below.set_xlabel("minutes")
    below.legend(loc="upper center", ncol=4, fontsize="x-small")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", required=True, help="the binary")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "img" / "soak.png")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sets = [f"cache.{key}={CAPACITY}B" for key in ("capacity", "max-capacity")]
        sets += ["memory.cap=400MB", "tiers.warm.capacity=50MB", f"tiers.disk.dir={folder}/disk", "tiers.disk.capacity=500MB"]
        extra = [word for each in sets for word in ("--set", each)]
        lru = redis("--maxmemory", str(CAPACITY), "--maxmemory-policy", "allkeys-lru")
        with Server("host", host(options.host, *extra), core=0) as server, Server("redis", lru, core=0) as beside:
            began = time.monotonic()
            load = Load(began, server, beside)
            load.start()
            while time.monotonic() - began < options.minutes * 60:
                seen = figures(server)
                rows.append({
                    "seconds": time.monotonic() - began,
                    "rss": server.rss(),
                    "capacity": int(seen["maxmemory"]),
                    "requests": int(seen["total_commands_processed"]),
                })
                time.sleep(1)
            load.stopped = True
            load.join()
    with options.output.with_suffix(".csv").open("w", newline="") as file:
        table = csv.DictWriter(file, rows[0])
        table.writeheader()
        table.writerows(rows)
    settled = rows[len(rows) // 6 :]
    third = len(settled) // 3
    early, late = mean(row["rss"] for row in settled[:third]), mean(row["rss"] for row in settled[-third:])
    most = max(row["rss"] for row in rows)
    requests = rows[-1]["requests"] - rows[0]["requests"]
    about = f"{options.minutes:.0f} minutes, {requests:,} requests: {early / 1e6:.0f} MB early, {late / 1e6:.0f} MB late, {most / 1e6:.0f} MB at most"
    print(about)
    end = rows[-1]["seconds"]
    for kind in ("host", "redis"):
        for test in ("get", "set"):
            rates = [
                median(rate for at, *of, rate in load.turns if of == [kind, test] and first * end <= at < last * end)
                for first, last in ((1 / 6, 0.45), (0.72, 1))
            ]
            print(f"{kind} {test}: {rates[0]:,.0f} a second early, {rates[1]:,.0f} late")
    draw(rows, load.turns, options.output, about)


if __name__ == "__main__":
    main()
