"""Serves for an hour at half load with its strategies on, and draws what memory it held: docs/img/soak.png.

    python3 bench/serve/soak.py --host target/release/host               # an hour; needs matplotlib (pip install matplotlib)
    python3 bench/serve/soak.py --host target/release/host --minutes 5 --output /tmp/soak.png

Half load: redis-benchmark, which goes as fast as it can, runs for as long as it then rests. Keys are 16 times as many as memory has room for,
so that the cache evicts, a warm tier and a disk tier work, and strategies have something to decide.
"""

import argparse
import csv
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from statistics import mean

from servers import Server, host

ROOT = Path(__file__).resolve().parents[2]
CAPACITY = 100_000_000
KEYS = 16 * CAPACITY // 300


class Load(threading.Thread):
    """redis-benchmark in turns of GET and SET, each followed by a rest of its length."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.stopped, self.requests = port, False, 0

    def run(self):
        requests = 60_000
        while not self.stopped:
            for test in ("set", "get", "get"):
                began = time.monotonic()
                command = ["taskset", "-c", "1", "redis-benchmark", "-p", str(self.port), "-c", "50", "-d", "128"]
                command += ["-r", str(KEYS), "-n", str(requests), "-t", test, "-q"]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                self.requests += requests
                time.sleep(time.monotonic() - began)


def figures(server):
    """Of INFO: what is counted by name."""
    lines = server.client("INFO").decode().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def draw(rows, path, about):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    minutes = [row["seconds"] / 60 for row in rows]
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(9, 6), sharex=True)
    above.plot(minutes, [row["rss"] / 1e6 for row in rows], label="resident memory")
    above.plot(minutes, [row["capacity"] / 1e6 for row in rows], label="capacity of the cache", linestyle="--")
    above.set_ylim(bottom=0)
    above.set_ylabel("MB")
    above.legend(loc="lower right")
    above.set_title(about)
    span = list(zip(rows, rows[10:]))
    below.plot(
        minutes[10:], [(late["requests"] - early["requests"]) / (late["seconds"] - early["seconds"]) / 1e3 for early, late in span]
    )
    below.set_ylim(bottom=0)
    below.set_ylabel("thousand requests a second")
    below.set_xlabel("minutes")
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
        with Server("host", host(options.host, *extra), core=0) as server:
            load, began = Load(server.port), time.monotonic()
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
    draw(rows, options.output, about)


if __name__ == "__main__":
    main()
