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

PAD = "x" * 400


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

    def __init__(self, port, number, known):
        super().__init__()
        self.client, self.number, self.known = Client(port), number, known
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
                value = None if gone else f"{key}={time.monotonic_ns()}.{sequence}={PAD[: random_.randrange(400)]}"
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
            writers = [Writer(port, number, known[number]) for number in range(2)]
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
    row("killed (SIGKILL) under writes, started again", options.times, refused, wrong, text)


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
                    newest[key] = f"{key}={self.requests.value}={PAD}"
                    self.failed.value += client("SET", key, newest[key]) != b"OK"
                else:
                    value = client("GET", key)
                    self.wrong.value += value not in (None, newest.get(key, "").encode() or None)
            except (OSError, RuntimeError):
                self.failed.value += 1
                return
            self.requests.value += 1


def remote(options):
    with tempfile.TemporaryDirectory() as folder:
        port, theirs = free_port(), free_port()

        def start():
            return subprocess.Popen(
                ["redis-server", "--port", str(theirs), "--save", "", "--bind", "127.0.0.1"],
                stdout=subprocess.DEVNULL, cwd=folder,
            )

        server = start()
        host = Host(
            options, port, f"tiers.remote.addresses=redis://127.0.0.1:{theirs}",
            "tiers.remote.pause=200ms", "tiers.remote.longest-pause=1s", "cache.capacity=4MB",
        )
        hot = [f"hot:{number}" for number in range(20)]
        host.client.many([("SET", key, key) for key in hot])
        reader, misser = Reader(port, hot), Misser(port)
        phases = []

        def phase(name):
            phases.append((time.monotonic(), name))

        reader.start()
        misser.start()
        phase("up")
        time.sleep(options.seconds)
        server.kill()
        server.wait()
        phase("killed")
        time.sleep(options.seconds)
        server = start()
        phase("started again")
        began, before = time.monotonic(), host.tier("remote")["hits"]
        while host.tier("remote")["hits"] == before and time.monotonic() - began < 30:
            time.sleep(0.01)
        back = time.monotonic() - began
        time.sleep(options.seconds)
        server.send_signal(signal.SIGSTOP)
        phase("frozen")
        time.sleep(options.seconds)
        server.send_signal(signal.SIGCONT)
        phase("thawed")
        time.sleep(options.seconds)
        reader.stopped = True
        misser.stopped.set()
        reader.join()
        misser.join()
        phases.append((time.monotonic(), ""))
        for (begin, name), (end, _) in zip(phases, phases[1:]):
            times = [took for at, took in reader.times if begin <= at < end]
            text = f"GET of what is in memory: p50 {percentile(times, 0.5) * 1e6:.0f} us, p99 {percentile(times, 0.99) * 1e6:.0f} us"
            if name == "started again":
                text += f"; asked again after {back:.1f} s"
            row(f"remote tier {name}", 1, reader.failed + misser.failed.value, reader.wrong + misser.wrong.value, text)
        print(f"\n{len(reader.times)} and {misser.requests.value} requests; {reader.gone} of the first were misses", flush=True)
        host.end()
        server.kill()
        server.wait()


FAULTS = {"kill": kills, "million": million, "room": no_room, "remote": remote}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", required=True, help="the binary")
    parser.add_argument("--only", choices=FAULTS)
    parser.add_argument("--times", type=int, default=50, help="kills")
    parser.add_argument("--seconds", type=float, default=4, help="of each phase of the remote tier")
    options = parser.parse_args()
    options.host = os.path.abspath(options.host)
    print("| fault | times | failed requests | wrong values | and then |")
    print("|---|---:|---:|---:|---|")
    for name, fault in FAULTS.items():
        if options.only in (None, name):
            fault(options)


if __name__ == "__main__":
    main()
