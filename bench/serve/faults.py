"""Faults under load, as a table: what, how often, requests that failed, values that were wrong, recovery.

    python3 bench/serve/faults.py --host target/release/host                   # every fault
    python3 bench/serve/faults.py --host target/release/host --only kill --times 50

Every client knows what it has written, and what a server had acknowledged when it ended. A value is wrong where it is older than
that, or another key's. A value that was in memory alone is gone with the process: that is a miss, and no fault.
"""

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from statistics import median

from servers import Client, free_port

PAD = "x" * 4_000


class Host:
    """A `host serve` whose memory is small, so that most of what is written goes below."""

    def __init__(self, options, port, *sets):
        self.log = tempfile.NamedTemporaryFile("w+")
        command = [options.host, "serve", "--resp", f"127.0.0.1:{port}", "--set", "control.enabled=false"]
        for each in ("cache.min-capacity=100KB", "cache.capacity=1MB", *sets):
            command += ["--set", each]
        self.port, began = port, time.monotonic()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)
        while True:
            try:
                self.client = Client(port)
                break
            except OSError:
                if self.process.poll() is not None or time.monotonic() - began > 60:
                    raise RuntimeError(f"it does not listen: {Path(self.log.name).read_text()}") from None
                time.sleep(0.005)
        self.started = time.monotonic() - began

    def opened(self):
        """Entries that the disk tier had, and the seconds that opening it took."""
        for line in Path(self.log.name).read_text().splitlines():
            if line.startswith("disk tier:"):
                words = line.split()
                return int(words[2].replace(",", "")), float(words[-2])
        raise RuntimeError("no disk tier")

    def tier(self, name):
        for line in self.client("INFO", "tiers").decode().splitlines():
            if line.startswith(name + ":"):
                return {key: int(value) for key, value in (pair.split("=") for pair in line.split(":")[1].split(","))}
        raise RuntimeError(f"no tier {name}")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        self.process.terminate()
        self.process.wait(30)


def percentile(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def row(what, times, failed, wrong, recovery):
    print(f"| {what} | {times} | {failed} | {wrong} | {recovery} |", flush=True)


class Writer(threading.Thread):
    """Writes keys of its own until the server ends; knows what was acknowledged, and what was sent after that."""

    def __init__(self, port, number, known, largest):
        super().__init__()
        self.client, self.number, self.known, self.largest = Client(port), number, known, largest
        self.stopped, self.refused = False, 0

    def run(self):
        random_ = random.Random(self.number + time.monotonic_ns())
        sequence = 0
        while not self.stopped:
            keys = [f"{self.number}:{random_.randrange(3_000)}" for _ in range(16)]
            batch = []
            for key in keys:
                sequence += 1
                gone = random_.random() < 0.1
                value = None if gone else f"{key}={time.monotonic_ns()}.{sequence}={PAD[: random_.randrange(self.largest)]}"
                self.known.setdefault(key, [None]).append(value)
                batch.append(("DEL", key) if gone else ("SET", key, value))
            try:
                replies = self.client.many(batch)
            except (OSError, RuntimeError, IndexError, ValueError):
                return
            for key, reply in zip(keys, replies):
                self.refused += reply not in (b"OK", 0, 1)
            # Acknowledged: of each key the last one alone can be there now.
            for key in keys:
                self.known[key] = self.known[key][-1:]


def check(client, known):
    """Values that are none of those that may be there."""
    wrong = found = 0
    keys = list(known)
    for at in range(0, len(keys), 64):
        part = keys[at : at + 64]
        for key, value in zip(part, client.many([("GET", key) for key in part])):
            found += value is not None
            may = {None} | {one and one.encode() for one in known[key]}
            wrong += value not in may
            # From here on, that is what it is.
            known[key] = [value and value.decode()]
    return wrong, found


def kills(options):
    for largest in (400, len(PAD)):
        kills_with_values(options, largest)


def kills_with_values(options, largest):
    wrong = refused = found = written = admitted = 0
    opened, per_million = [], []
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        sets = (f"tiers.disk.dir={folder}/disk", "tiers.disk.capacity=64MiB", "tiers.disk.region=4MiB")
        known = [{} for _ in range(2)]
        for _ in range(options.times):
            host = Host(options, port, *sets)
            entries, took = host.opened()
            opened.append(took)
            for of_writer in known:
                of_round = check(host.client, of_writer)
                wrong, found = wrong + of_round[0], found + of_round[1]
            writers = [Writer(port, number, known[number], largest) for number in range(2)]
            for writer in writers:
                writer.start()
            time.sleep(random.uniform(0.1, 0.8))
            disk = host.tier("disk")
            written, admitted = written + disk["written"], admitted + disk["admitted"]
            host.kill()
            for writer in writers:
                writer.join()
                refused += writer.refused
    text = f"opened in {median(opened):.2f} s (median), {max(opened):.2f} s at most; {found} values found again; "
    text += f"written {written / max(admitted, 1):.3f} times what came in"
    row(f"killed (SIGKILL) under writes of up to {largest:,} bytes, started again", options.times, refused, wrong, text)


def million(options):
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        sets = (f"tiers.disk.dir={folder}/disk", "tiers.disk.capacity=1GiB", "tiers.queue=256MB")
        host = Host(options, port, *sets)
        for at in range(0, 1_000_000, 500):
            host.client.many([("SET", f"key:{number}", PAD[:200]) for number in range(at, at + 500)])
        host.end()
        host = Host(options, port, *sets)
        entries, took = host.opened()
        host.kill()
        host = Host(options, port, *sets)
        again = host.opened()
        wrong = sum(
            value not in (None, PAD[:200].encode())
            for at in range(0, 1_000_000, 100_000)
            for value in host.client.many([("GET", f"key:{number}") for number in range(at, at + 500)])
        )
        text = f"{entries:,} entries opened in {took:.2f} s in order, {again[0]:,} in {again[1]:.2f} s after SIGKILL"
        row("a million entries", 2, 0, wrong, text)
        host.end()


def no_room(options):
    with tempfile.TemporaryDirectory() as folder:
        try:
            Host(options, free_port(), f"tiers.disk.dir={folder}/disk", "tiers.disk.capacity=500GB")
            text = "it started: this disk has the room"
        except RuntimeError as error:
            text = "refused at the start: " + str(error).strip().splitlines()[-1].replace("|", "/")
        row("a disk without room", 1, 0, 0, text)


class Reader(threading.Thread):
    """Reads keys that are in memory, one at a time, and times each."""

    def __init__(self, port, keys):
        super().__init__()
        self.client, self.keys = Client(port), keys
        self.stopped, self.times, self.wrong, self.failed, self.gone = False, [], 0, 0, 0

    def run(self):
        while not self.stopped:
            for key in self.keys:
                began = time.perf_counter()
                try:
                    value = self.client("GET", key)
                except (OSError, RuntimeError):
                    self.failed += 1
                    return
                self.times.append((time.monotonic(), time.perf_counter() - began))
                self.gone += value is None
                self.wrong += value not in (None, key.encode())
                time.sleep(0.0005)


class Misser(multiprocessing.Process):
    """Reads and writes keys that memory does not hold for long. A process, so that it does not hold up who times requests."""

    def __init__(self, port):
        super().__init__()
        self.port, self.stopped = port, multiprocessing.Event()
        self.wrong, self.failed, self.requests = (multiprocessing.Value("q") for _ in range(3))

    def run(self):
        client, random_, newest = Client(self.port), random.Random(7), {}
        while not self.stopped.is_set():
            key = f"cold:{random_.randrange(20_000)}"
            try:
                if random_.random() < 0.5:
                    newest[key] = f"{key}={self.requests.value}={PAD[:400]}"
                    self.failed.value += client("SET", key, newest[key]) != b"OK"
                else:
                    value = client("GET", key)
                    self.wrong.value += value not in (None, newest.get(key, "").encode() or None)
            except (OSError, RuntimeError):
                self.failed.value += 1
                return
            self.requests.value += 1


class Phases:
    """Readers and writers beside a remote tier, through phases that are told apart by their begin."""

    def __init__(self, options, host):
        hot = [f"hot:{number}" for number in range(20)]
        host.client.many([("SET", key, key) for key in hot])
        self.seconds, self.began = options.seconds, []
        self.reader, self.misser = Reader(host.port, hot), Misser(host.port)
        self.reader.start()
        self.misser.start()

    def run(self, name):
        """One phase, to its end."""
        self.begin(name)
        time.sleep(self.seconds)

    def begin(self, name):
        self.began.append((time.monotonic(), name))

    def end(self, what, told=()):
        """The rows of all phases, with what is to be told of some."""
        reader, misser = self.reader, self.misser
        reader.stopped = True
        misser.stopped.set()
        reader.join()
        misser.join()
        self.begin("")
        for (begin, name), (end, _) in zip(self.began, self.began[1:]):
            times = [took for at, took in reader.times if begin <= at < end]
            text = f"GET of what is in memory: p50 {percentile(times, 0.5) * 1e6:.0f} us, p99 {percentile(times, 0.99) * 1e6:.0f} us"
            text += dict(told).get(name, "")
            row(f"{what} {name}", 1, reader.failed + misser.failed.value, reader.wrong + misser.wrong.value, text)
        print(f"\n{len(reader.times)} and {misser.requests.value} requests; {reader.gone} of the first were misses\n", flush=True)


def redis_node(folder, port, *more):
    return subprocess.Popen(
        ["redis-server", "--port", str(port), "--save", "", "--bind", "127.0.0.1", *more], stdout=subprocess.DEVNULL, cwd=folder
    )


def seconds_until(holds, most=30):
    began = time.monotonic()
    while not holds() and time.monotonic() - began < most:
        time.sleep(0.01)
    return time.monotonic() - began


def remote(options):
    with tempfile.TemporaryDirectory() as folder:
        port, theirs = free_port(), free_port()
        server = redis_node(folder, theirs)
        host = Host(
            options, port, f"tiers.remote.addresses=redis://127.0.0.1:{theirs}",
            "tiers.remote.pause=200ms", "tiers.remote.longest-pause=1s", "cache.capacity=4MB",
        )
        phases = Phases(options, host)
        phases.run("up")
        server.kill()
        server.wait()
        phases.run("killed")
        server = redis_node(folder, theirs)
        phases.begin("started again")
        before = host.tier("remote")["hits"]
        back = seconds_until(lambda: host.tier("remote")["hits"] > before)
        time.sleep(options.seconds)
        server.send_signal(signal.SIGSTOP)
        phases.run("frozen")
        server.send_signal(signal.SIGCONT)
        phases.run("thawed")
        phases.end("remote tier", {"started again": f"; asked again after {back:.1f} s"})
        host.end()
        server.kill()
        server.wait()


def cluster(options):
    """Three masters with a replica each; one master is killed."""
    with tempfile.TemporaryDirectory() as folder:
        ports = [free_port() for _ in range(6)]
        nodes = []
        for port in ports:
            more = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--cluster-config-file", f"nodes-{port}.conf",
                    "--repl-diskless-sync-delay", "0")
            # The port of the cluster's bus is 10,000 higher, which may be too high.
            nodes.append(redis_node(folder, port, *more, "--cluster-port", str(free_port())))
        addresses = [f"127.0.0.1:{port}" for port in ports]
        clients = [Client(port) for port in ports if seconds_until(lambda port=port: listens(port)) < 30]
        made = ["redis-cli", "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL)
        seconds_until(lambda: all(b"cluster_state:ok" in client("CLUSTER", "INFO") for client in clients))
        # The last three are the replicas.
        seconds_until(lambda: all(b"master_link_status:up" in client("INFO", "replication") for client in clients[3:]))
        port = free_port()
        host = Host(
            options, port, "tiers.remote.cluster=true", "tiers.remote.addresses=" + ",".join(f"redis://{each}" for each in addresses),
            "tiers.remote.pause=200ms", "tiers.remote.longest-pause=1s", "cache.capacity=4MB",
        )
        phases = Phases(options, host)
        phases.run("up")
        nodes[0].kill()
        nodes[0].wait()
        phases.begin("less one master")
        back = seconds_until(lambda: has_taken_over(clients[1]("CLUSTER", "NODES").decode()), most=60)
        time.sleep(options.seconds)
        phases.run("with its replica as a master")
        hits = host.tier("remote")["hits"]
        phases.end("cluster of six", {"less one master": f"; its replica had taken over after {back:.1f} s"})
        print(f"{hits} hits of the cluster\n")
        host.end()
        for node in nodes:
            node.kill()
            node.wait()


def has_taken_over(nodes):
    """Whether one master has failed and three serve."""
    flags = [line.split()[2].split(",") for line in nodes.splitlines()]
    return sum("fail" in each for each in flags) == 1 and sum("master" in each and "fail" not in each for each in flags) == 3


def listens(port):
    try:
        Client(port).close()
    except OSError:
        return False
    return True


FAULTS = {"kill": kills, "million": million, "room": no_room, "remote": remote, "cluster": cluster}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", required=True, help="the binary")
    parser.add_argument("--only", choices=FAULTS)
    parser.add_argument("--times", type=int, default=50, help="kills")
    parser.add_argument("--seconds", type=float, default=4, help="of each phase of a remote tier")
    options = parser.parse_args()
    options.host = os.path.abspath(options.host)
    print("| fault | times | failed requests | wrong values | and then |")
    print("|---|---:|---:|---:|---|")
    for name, fault in FAULTS.items():
        if options.only in (None, name):
            fault(options)


if __name__ == "__main__":
    main()
