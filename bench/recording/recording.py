"""What recording a run costs of its throughput, and how fast it is replayed: see `run` beside this file."""

import argparse
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time

# Zipf keys over more objects than the cache holds, so that requests hit and miss.
REQUESTS = 400_000
OBJECTS = 40_000
LIMIT = 0.01
FASTER = 20
REPLAYS = 5


def trace(path):
    random.seed(7)
    weights = [1 / (rank + 1) ** 0.9 for rank in range(OBJECTS)]
    keys = random.choices(range(OBJECTS), weights, k=REQUESTS)
    with open(path, "w") as out:
        out.writelines(f"{key * 2654435761 % 2**32}\n" for key in keys)


def run(host, trace, record):
    command = [host, "run", "--json", "--against", "nothing", "--capacity", "20%", trace]
    if record:
        command += ["--record", record]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | {"HOST_LOG": "off"})
    return json.loads(done.stdout)


def replay(host, file, flags):
    began = time.monotonic()
    done = subprocess.run([host, "replay", file, "--json", *flags], capture_output=True, text=True, check=True)
    report = json.loads(done.stdout)
    return report, report["seconds"] / (time.monotonic() - began)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--host", required=True)
    arguments.add_argument("--pairs", type=int, default=10)
    asked = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        keys, file = os.path.join(folder, "keys.txt"), os.path.join(folder, "run.rec")
        trace(keys)
        # One of each that does not count: files and components are read for the first time.
        run(asked.host, keys, None), run(asked.host, keys, file)
        ratios, plain, recorded = [], [], []
        for pair in range(asked.pairs):
            # Which comes first alternates, so that a machine that grows slower favours neither.
            order = [None, file] if pair % 2 == 0 else [file, None]
            figures = {record: run(asked.host, keys, record)["tuned"]["throughput"] for record in order}
            plain.append(figures[None])
            recorded.append(figures[file])
            ratios.append(figures[file] / figures[None])
            print(f"pair {pair + 1:2}: {figures[None]:9.0f} /s, recorded {figures[file]:9.0f} /s", file=sys.stderr)
        # Of the middle: a pair that something else disturbed says nothing of recording.
        middle = statistics.median(ratios)
        spread = 1.4826 * statistics.median(abs(ratio - middle) for ratio in ratios)
        cost, error = 1 - middle, 1.2533 * spread / math.sqrt(len(ratios))
        print(f"throughput without --record: {statistics.median(plain):.0f} requests/s (median of {len(plain)})")
        print(f"throughput with --record:    {statistics.median(recorded):.0f} requests/s")
        print(f"recording costs {cost * 100:.2f} % +- {error * 100:.2f} (median of the pairs, standard error)")
        size = os.path.getsize(file)
        print(f"recording: {size / 1e6:.2f} MB, {size / REQUESTS:.1f} bytes a request")
        replays = {"as it was": [], "with another policy": ["--set", "cache.policy=fifo"]}
        speeds, same = {name: [] for name in replays}, True
        for _ in range(REPLAYS):
            for name, flags in replays.items():
                report, speed = replay(asked.host, file, flags)
                speeds[name].append(speed)
                simulated = "replayed_simulated" in report
                same &= simulated == bool(flags)
        for name, found in speeds.items():
            print(f"replayed {name}: {statistics.median(found):.0f} times as fast as the run (median of {len(found)}, {min(found):.0f} to {max(found):.0f})")
        print(f"run: {report['seconds']:.1f} s, {report['ticks']} ticks, {report['recorded_decisions']} decisions; the same again: {same}")
        if cost - 2 * error >= LIMIT or statistics.median(speeds["as it was"]) < FASTER or not same:
            sys.exit(1)


main()
