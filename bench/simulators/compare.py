"""Compares `host sim` with libCacheSim 0.3.5; see `run` beside it.

Three things are measured, each side by side and in turns, on decompressed oracleGeneral files in the page cache, with
every object counting as one:

whole    one policy at one capacity, from the start of the process to its end. Medians.
replay   the replay. Theirs: `process_trace`, which reads while it replays; the package offers no way to time the two
         apart, so the ratio flatters this project by what reading a mapped file costs. Ours: the `seconds` of a row,
         processor time on one core, from memory. Medians.
grid     9 policies at 12 capacities: one `host sim` on all cores against one process that does one after the other, as
         the package does by itself. With a process a core theirs could at best be `cores` times as fast.

A policy called `plugin:NAME` is the component of that name, in its sandbox. Its peer is the native code that the native policy's is.

Memory is the largest resident set of the process. Theirs contains the part of the trace that is mapped. Linux counts
what the parent had resident at the fork as the child's, so this process stays small, makes the traces in another, and
prints what a process that does nothing is said to need.
The peer runs with the hash power, its default of 24 or one that fits the capacity, that is quicker in a trial; the grid
is shown with both.
Exits with status 1 where LRU or FIFO, which leave no freedom, do not miss alike.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

PEERS = {
    "lru": "LRU", "fifo": "FIFO", "lfu": "LFU", "arc": "ARC", "sieve": "Sieve", "s3-fifo": "S3FIFO",
    "w-tinylfu": "WTinyLFU", "lirs": "LIRS", "2q": "TwoQ",
    "plugin:lru": "LRU", "plugin:sieve": "Sieve", "plugin:s3-fifo": "S3FIFO",
}  # fmt: skip
SINGLE = ["lru", "fifo", "lfu", "arc", "sieve", "s3-fifo", "plugin:lru", "plugin:sieve", "plugin:s3-fifo"]
EXACT = ["lru", "fifo", "plugin:lru"]

parser = argparse.ArgumentParser()
parser.add_argument("--host", type=Path, required=True)
parser.add_argument("--work", type=Path, required=True)
parser.add_argument("--oltp", type=Path, required=True)
parser.add_argument("--quick", action="store_true")
parser.add_argument("--rounds", type=int)
parser.add_argument("--full", action="store_true")
parser.add_argument("--only", choices=["oltp", "zipf", "grid"], help="a part of it")
parser.add_argument("--policy", help="of the single policies these alone: lru,arc")
args = parser.parse_args()
rounds = args.rounds or (3 if args.quick else 7)
not_measured, wrong = [], []


def run(command, cores=None):
    """Standard output, wall seconds and the largest resident set in MiB of a process."""
    pin = (lambda: os.sched_setaffinity(0, cores)) if cores else None
    started = time.perf_counter()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, preexec_fn=pin)
    output = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"failed: {command}")
    return output.decode(), seconds, usage.ru_maxrss / 1024


def ours(trace, policies, capacities, cores=None):
    command = [args.host, "sim", trace, "--json", "--policy", ",".join(policies)]
    text, seconds, memory = run([*command, "--capacity", ",".join(map(str, capacities))], cores)
    return json.loads(text)["rows"], seconds, memory


def theirs(trace, power, policies, capacities):
    names = ",".join(PEERS[policy] for policy in policies)
    peer = [sys.executable, Path(__file__).with_name("peer.py"), trace, power, names]
    text, seconds, memory = run([*peer, ",".join(map(str, capacities))])
    return [json.loads(line) for line in text.splitlines()], seconds, memory


def fitting(capacity):
    return max(10, math.ceil(math.log2(capacity)) + 1)


def quicker(trace, policy, capacity):
    """The hash power with which the peer is quicker, tried once."""
    return min([0, fitting(capacity)], key=lambda power: theirs(trace, power, [policy], [capacity])[1])


def compare(trace, policy, capacity, mine, other):
    if policy in EXACT and abs(mine - other) > 1e-9:
        wrong.append(f"{trace.name} {policy} at {capacity}: {mine} here, {other} there")


def make(*arguments):
    run([sys.executable, Path(__file__).with_name("traces.py"), *arguments])


def known():
    """The policies that this binary has."""
    tell = subprocess.run([args.host, "sim", "-", "--policy", "?"], capture_output=True, text=True)
    names = tell.stderr.split("expected one of ")[-1].split("\n")[0]
    found = [name.strip() for name in names.split(",")]
    return [policy for policy in PEERS if policy.removeprefix("plugin:") in found]


def singles(trace, capacity, policies):
    powers = {policy: quicker(trace, policy, capacity) for policy in policies}
    whole = {policy: ([], [], []) for policy in policies}
    replay = {policy: ([], []) for policy in policies}
    ratios = {}
    for _ in range(rounds):
        # A percentage waits for the end of the trace: nothing is read meanwhile. One core: no cell disturbs another.
        for row in ours(trace, policies, [capacity, "1%"], cores={0})[0]:
            if row["capacity"] == capacity:
                replay[row["policy"]][0].append(row["seconds"])
        for policy in policies:
            rows, here, here_mib = ours(trace, [policy], [capacity])
            peer, there, there_mib = theirs(trace, powers[policy], [policy], [capacity])
            whole[policy][0].append(here)
            whole[policy][1].append(there)
            whole[policy][2].append((here_mib, there_mib))
            replay[policy][1].append(peer[0]["seconds"])
            ratios[policy] = (rows[0]["miss_ratio"], peer[0]["miss_ratio"])
    print(f"\n{trace.name}, {capacity} objects; seconds, medians of {rounds}")
    print(f"{'policy':14} | {'whole':>7} {'theirs':>7} {'ratio':>6} | {'replay':>7} {'theirs':>7} {'ratio':>6} | "
          f"{'MiB':>5} {'theirs':>6} | {'miss %':>7} {'theirs':>7}")
    for policy in policies:
        here, there, memory = whole[policy]
        mine, peer = map(statistics.median, replay[policy])
        here, there = statistics.median(here), statistics.median(there)
        mib = [max(column) for column in zip(*memory)]
        one, other = ratios[policy]
        compare(trace, policy, capacity, one, other)
        print(f"{policy:14} | {here:7.3f} {there:7.3f} {there / here:6.1f} | {mine:7.3f} {peer:7.3f} "
              f"{peer / mine:6.1f} | {mib[0]:5.0f} {mib[1]:6.0f} | "
              f"{one * 100:7.3f} {other * 100:7.3f}")


def grid(trace, objects, policies, times):
    capacities = [max(10, round(objects * 10 ** (-3 + step / 4))) for step in range(12)]
    here, there = [], {power: [] for power in (0, fitting(capacities[-1]))}
    for _ in range(times):
        rows, *measured = ours(trace, policies, capacities)
        here.append(measured)
        for power, results in there.items():
            peer, *measured = theirs(trace, power, policies, capacities)
            results.append(measured)
    for row, other in zip(rows, peer):
        compare(trace, row["policy"], row["capacity"], row["miss_ratio"], other["miss_ratio"])

    def median(results):
        return statistics.median(seconds for seconds, _ in results)

    mine = median(here)
    print(f"\n{trace.name}: {len(policies)} policies x {len(capacities)} capacities, medians of {times}: "
          f"{mine:.2f} s, {max(memory for _, memory in here):.0f} MiB")
    for power, results in there.items():
        name = f"hash power {power}" if power else "default hash power"
        other = median(results)
        print(f"  theirs, {name}: {other:.2f} s, {max(memory for _, memory in results):.0f} MiB, ratio "
              f"{other / mine:.1f}; with {os.cpu_count()} processes at best {other / mine / os.cpu_count():.1f}")


def main():
    zipf, oltp = args.work / "zipf.oracleGeneral", args.work / "oltp.oracleGeneral"
    if not zipf.exists():
        print("writing the zipf trace: 20 M requests, exponent 1.0, 2 M objects", file=sys.stderr)
        make("zipf", zipf)
    have = known()
    missing = [policy for policy in PEERS if policy not in have]
    if missing:
        not_measured.append(f"{', '.join(missing)}: this binary does not know them")
    places = [(zipf, 1_501_812, 15_000), (zipf, 1_501_812, 150_000)]
    if oltp.exists() or args.oltp.exists():
        if not oltp.exists():
            make("oltp", oltp, args.oltp)
        places.insert(0, (oltp, 186_880, 10_000))
    else:
        not_measured.append(f"OLTP: {args.oltp} is absent")
    for trace in {trace for trace, _, _ in places}:
        with trace.open("rb", buffering=0) as file:  # into the page cache
            while file.read(1 << 20):
                pass
    floor = run(["true"])[2]
    print(f"a process that does nothing: {floor:.0f} MiB")
    asked = args.policy.split(",") if args.policy else SINGLE
    for trace, _, capacity in places:
        if args.only in (None, trace.name.split(".")[0]):
            singles(trace, capacity, [policy for policy in asked if policy in have])
    if args.only in (None, "grid"):
        for trace, objects, _ in places[:1] if not args.full else places[:2]:
            grid(trace, objects, [policy for policy in have if not policy.startswith("plugin:")], rounds)
        if not args.full:
            not_measured.append("the grid on the zipf trace: half an hour, with --full")
    print("\nOn zipf, SIEVE and LFU miss alike until SIEVE's hand comes round for the first time: before, both evict "
          "the oldest entry that was never hit.")
    print("Not measured: " + "; ".join([*not_measured, "their reading apart from their replay", "object sizes", "compressed traces", "cold page cache"]))
    if wrong:
        sys.exit("these must be equal and are not:\n  " + "\n  ".join(wrong))


main()
