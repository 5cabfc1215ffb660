"""The tables of docs/serving.md; see `run` beside it.

Servers run side by side and are loaded in turns, server and client on a core each; what is compared are medians of the rounds.
CPU time is that of all threads of the server. The host's strategies are on.
"""

import argparse
import csv
import io
import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median

from servers import Server, host, redis

ROOT = Path(__file__).resolve().parents[2]
TRACES = [
    ("OLTP.lis.zst", [0.02, 0.1]),
    ("cloudPhysicsIO.csv.zst", [0.02, 0.1]),
    ("sprite.trace.gz", [0.05, 0.2]),
    ("multi3.trace.gz", [0.05, 0.2]),
    ("c2k_web07.txt.zst", [0.02, 0.1]),
    ("corda_vault.txt.zst", [0.02, 0.1]),
    ("mooncake_conv.txt.zst", [0.02, 0.1]),
]
BYTES = 512
# A cache of less says more of buffers and tables than of its policy.
LEAST = 6_000_000


def large(options, *extra):
    return host(options.host, "--set", "memory.cap=2GB", "--set", "cache.max-capacity=1GB", "--set", "cache.capacity=1GB", *extra)


def load(server, test, pipeline, requests):
    """One run of redis-benchmark: microseconds of CPU a request, requests a second, p99 in ms."""
    before = server.cpu()
    command = ["taskset", "-c", "1", "redis-benchmark", "-p", str(server.port), "-c", "50", "-d", "128", "-r", "100000"]
    command += ["-n", str(requests), "-P", str(pipeline), "-t", test, "--csv"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    row = list(csv.DictReader(io.StringIO(text)))[-1]
    used = (server.cpu() - before) / requests * 1e6
    return used, float(row["rps"]), float(row["p99_latency_ms"])


def beside(options, tests, run, columns):
    """Runs each test against both servers in turns; the table of the medians. `run` gives the figures of `columns`."""
    rows = {}
    with Server("redis", redis(), core=0) as theirs, Server("host", large(options), core=0) as ours:
        for server in (theirs, ours):
            load(server, "set", 16, 400_000)
        for _ in range(options.rounds):
            for pipeline, requests in ((1, 200_000), (16, 1_600_000)):
                for name, test in tests:
                    for server in (theirs, ours):
                        of = rows.setdefault(f"{name} -P {pipeline}", {})
                        of.setdefault(server.kind, []).append(run(server, test, pipeline, requests))
    print("| | | Redis | host | ratio |")
    print("|---|---|---:|---:|---:|")
    for test, of in rows.items():
        their, our = ([median(column) for column in zip(*of[kind])] for kind in ("redis", "host"))
        for at, (name, form) in enumerate(columns):
            print(f"| {'' if at else test} | {name} | {their[at]:{form}} | {our[at]:{form}} | {our[at] / their[at]:.2f} |")
    return rows


def example(options, name):
    """A program that measures, built beside the host."""
    path = Path(options.host).resolve().parent / "examples" / name
    if not path.exists():
        sys.exit(f"{path} is missing: cargo build --release -p host --example {name}")
    return path


def half_load(options, rows):
    """The same requests at half of what the slower server reached, each due at its time."""
    paced, seconds = example(options, "paced"), 4
    print("| at half load | requests a second | | Redis us | host us | ratio |")
    print("|---|---:|---|---:|---:|---:|")
    with Server("redis", redis(), core=0) as theirs, Server("host", large(options), core=0) as ours:
        for server in (theirs, ours):
            load(server, "set", 16, 400_000)
        for name in ("GET", "SET"):
            rate = min(median(run[1] for run in of) for of in rows[f"{name} -P 1"].values()) / 2
            took = {"redis": [], "host": []}
            for _ in range(options.rounds):
                for server in (theirs, ours):
                    command = ["taskset", "-c", "1", paced, str(server.port), name.lower(), str(rate), str(seconds)]
                    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                    took[server.kind].append([float(word) for word in text.split()])
            for at, quantile in ((1, "median"), (2, "p99")):
                their, our = (median(run[at] for run in took[kind]) for kind in ("redis", "host"))
                first = f"{name} -P 1 | {rate:,.0f}" if at == 1 else " | "
                print(f"| {first} | {quantile} | {their:,.0f} | {our:,.0f} | {our / their:.2f} |")


def cost(options):
    columns = (("CPU us a request", ".2f"), ("requests a second", ",.0f"), ("p99 ms", ".2f"))
    rows = beside(options, (("GET", "get"), ("SET", "set")), load, columns)
    print("\nA request by itself (-P 1) costs a read and a write, which are most of it in both servers. The host's figures have its control")
    print("thread in them, 3 to 6 %. Requests that come together (-P 16) are where it gains: their entries are fetched ahead. At -P 1 the")
    print("client is the limit: `time redis-benchmark ...` shows it busy nearly all the time, with Redis as with the host.\n")
    half_load(options, rows)
    bare = example(options, "in_process")
    runs = [subprocess.run(["taskset", "-c", "0", bare], check=True, capture_output=True, text=True).stdout.split() for _ in range(3)]
    get, put = (median(int(run[at]) for run in runs) / 1e3 for at in (0, 1))
    print(f"\nWithout a protocol, on one thread of a program that has the cache in it, a GET takes {get:.2f} us and a SET {put:.2f} us")
    print("(`cargo run --release -p host --example in_process`): all else above is the protocol, the socket and the kernel.")


def load_zipf(server, text, pipeline, requests):
    """One run of resp-benchmark: microseconds of CPU a request, requests a second."""
    before, began = server.cpu(), time.monotonic()
    command = ["resp-benchmark", "-p", str(server.port), "-c", "50", "--cores", "1"]
    command += ["-n", str(requests), "-P", str(pipeline), text]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (server.cpu() - before) / requests * 1e6, requests / (time.monotonic() - began)


def zipf(options):
    """The same by keys of Zipf's law, which resp-benchmark makes."""
    if shutil.which("resp-benchmark") is None:
        print("skipped: resp-benchmark is missing (pip install resp-benchmark)", file=sys.stderr)
        return
    tests = (("GET", "GET {key zipfian 100000}"), ("SET", "SET {key zipfian 100000} {value 128}"))
    beside(options, tests, load_zipf, (("CPU us a request", ".2f"), ("requests a second", ",.0f")))


def fill(client, keys, size):
    value = b"x" * size
    for begin in range(0, keys, 1000):
        client.many([("SET", b"key:%012d" % key, value) for key in range(begin, begin + 1000)])


def memory(options):
    print("| | empty MB | 1,000,000 entries MB | bytes an entry |")
    print("|---|---:|---:|---:|")
    full = {}
    for kind, command in (("redis", redis()), ("host", large(options))):
        with Server(kind, command) as server:
            time.sleep(2)
            empty = server.rss()
            fill(server.client, 1_000_000, 128)
            assert server.client("DBSIZE") == 1_000_000
            time.sleep(1)
            full[kind] = server.rss()
            print(f"| {kind} | {empty / 1e6:.1f} | {full[kind] / 1e6:.1f} | {(full[kind] - empty) / 1e6:.0f} |")
    print(f"\nhost / Redis, RSS with the entries: {full['host'] / full['redis']:.2f}")


def keys_of(options, trace, folder):
    plain = folder / (trace.name + ".plain")
    command = [options.host, "trace", "convert", str(trace), "--to", "plain", "--output", str(plain)]
    subprocess.run(command, check=True, capture_output=True)
    return [line.strip() for line in plain.read_bytes().splitlines()]


def replay(server, keys, copies):
    """Reads through, as so many clients at once that share no key: the hit ratio. Keys that missed are set before the next batch."""
    value, hits, batch = b"v" * BYTES, 0, 16
    names = [b"%d:" % copy for copy in range(copies)] if copies > 1 else [b""]
    for begin in range(0, len(keys), batch):
        for name in names:
            asked = [name + key for key in keys[begin : begin + batch]]
            found = server.client.many([("GET", key) for key in asked])
            missed = {key for key, got in zip(asked, found) if got is None}
            hits += len(asked) - sum(got is None for got in found)
            if missed:
                server.client.many([("SET", key, value) for key in missed])
    return hits / (len(keys) * copies)


def at_memory(kind, command, keys, copies):
    """The hit ratio, and what the server came to hold beyond what it held when it was empty."""
    with Server(kind, command) as server:
        # What each server takes once, with the first requests, is no matter of what it holds.
        server.client.many([("GET", b"none %d" % key) for key in range(2_000)])
        server.client.many([("SET", b"first %d" % key, b"v" * BYTES) for key in range(64)])
        server.client("FLUSHALL")
        time.sleep(2)
        empty = server.rss("RssAnon")
        ratio = replay(server, keys, copies)
        return ratio, server.rss("RssAnon") - empty


def at_room(options, room, keys, copies):
    """The host's hit ratio, and what it held, at the capacity with which it comes nearest to `room` and not above it."""
    capacity, best = room, None
    for _ in range(5):
        sizes = [f"cache.{key}={capacity}B" for key in ("capacity", "max-capacity", "min-capacity")]
        extra = [word for size in sizes for word in ("--set", size)]
        ratio, taken = at_memory("host", host(options.host, "--set", "memory.cap=1GB", *extra), keys, copies)
        if taken <= room * 1.01 and (best is None or taken > best[1]):
            best = ratio, taken
        if room * 0.98 <= taken <= room * 1.01:
            break
        capacity = int(capacity * room / taken * 0.995)
    return best or (ratio, taken)


def hits(options):
    print(f"Values of {BYTES} bytes. A trace whose cache would be smaller than {LEAST / 1e6:.0f} MB is replayed by several clients")
    print("at once (copies) that share no key. RSS is what the servers came to hold beyond what they held when they were empty, without")
    print("the pages of their programs, which the kernel maps as they run and takes back as it likes:")
    print("Redis's under the policy that took more; the host's capacity is set so that it takes as much.\n")
    print("| trace | capacity | copies | allkeys-lru % | allkeys-lfu % | host % | gain | RSS MB Redis | host |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    gains = []
    with tempfile.TemporaryDirectory() as folder:
        for name, shares in TRACES:
            trace = options.traces / name
            if not trace.exists():
                print(f"skipped: {name} is not here", file=sys.stderr)
                continue
            keys = keys_of(options, trace, Path(folder))
            for share in shares:
                # What an entry takes in Redis, beside what it takes when it is empty.
                limit = len(set(keys)) * share * (BYTES + 120)
                copies = math.ceil(LEAST / limit)
                limit = int(limit * copies)
                of = {}
                for policy in ("allkeys-lru", "allkeys-lfu"):
                    extra = ("--maxmemory", str(limit + 1_100_000), "--maxmemory-policy", policy)
                    of[policy] = at_memory("redis", redis(*extra), keys, copies)
                room = max(taken for _, taken in of.values())
                ours, taken = at_room(options, room, keys, copies)
                best = max(of["allkeys-lru"][0], of["allkeys-lfu"][0])
                gain = (ours - best) * 100
                gains.append(gain)
                print(
                    f"| {name.split('.')[0]} | {share:.0%} | {copies} | {of['allkeys-lru'][0]:.2%} | {of['allkeys-lfu'][0]:.2%} | "
                    f"{ours:.2%} | {gain:+.2f} | {room / 1e6:.1f} | {taken / 1e6:.1f} |",
                    flush=True,
                )
    if gains:
        print(f"\nmean gain over the better of both: {mean(gains):+.2f} points; least: {min(gains):+.2f}")


def cap(options):
    """Values of 1 byte to 8 MB under a cap: resident memory over time."""
    limit = 200_000_000
    sizes = [1, 100, 10_000, 1_000_000, 8_000_000, 64, 4_096, 300_000]
    extra = ["memory.cap=1GB", f"cache.capacity={limit}B", f"cache.max-capacity={limit}B", f"cache.min-capacity={limit}B"]
    with Server("host", host(options.host, *(word for key in extra for word in ("--set", key)))) as server:
        time.sleep(1)
        empty, worst, key = server.rss(), 0, 0
        print("| values of bytes | written MB | RSS over empty MB | of the cap |")
        print("|---|---:|---:|---:|")
        for size in sizes:
            written, peak = 0, 0
            while written < 2 * limit and written < size * 1_500_000:
                batch = max(1, min(500, 4_000_000 // size))
                server.client.many([("SET", b"k%d" % (key + at), b"x" * size) for at in range(batch)])
                key, written = key + batch, written + batch * size
                peak = max(peak, server.rss() - empty)
            worst = max(worst, peak)
            print(f"| {size:,} | {written / 1e6:.0f} | {peak / 1e6:.0f} | {peak / limit:.0%} |", flush=True)
    print(f"\nworst: {worst / limit:.1%} of the cap")


TABLES = {
    "cost": ("What a request costs", cost),
    "zipf": ("What a request costs, keys by Zipf's law", zipf),
    "memory": ("Memory", memory),
    "hits": ("Hit ratio at equal memory", hits),
    "cap": ("The cap under values of all sizes", cap),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", required=True)
    parser.add_argument("--only", choices=TABLES)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--print", action="store_true")
    parser.add_argument("--traces", type=Path, default=ROOT.parent / "shared" / "traces")
    options = parser.parse_args()
    # The page has all of them.
    options.print = options.print or options.only is not None
    for tool in ("redis-server", "redis-benchmark", "taskset"):
        if shutil.which(tool) is None:
            sys.exit(f"{tool} is missing: on Debian, apt-get install redis-server util-linux")
    out = sys.stdout
    if not options.print:
        sys.stdout = io.StringIO()
    print("# Serving, beside Redis\n")
    print("`bench/serve/run` writes this page: `host serve` with its strategies on, beside redis-server.\n")
    for name, (title, table) in TABLES.items():
        if options.only in (None, name):
            print(f"## {title}\n")
            table(options)
            print()
    if not options.print:
        (ROOT / "docs" / "serving.md").write_text(sys.stdout.getvalue())
        sys.stdout = out


if __name__ == "__main__":
    main()
