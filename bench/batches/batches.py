"""The tables of docs/batches.md; see `run` beside it.

Each batch is run by `xargs -P N` once for every N up to 16. The three that did most, GNU parallel and `host run` are then run in turns;
what is compared are medians. Times are those of the whole command, its start and its end among them.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]
MOST = 16
LEAST_SHARE = 0.97


def cc(folder):
    """300 C files of some dozen lines each, compiled with -O1."""
    rng = random.Random(1)
    for at in range(300):
        lines = ["#include <stdio.h>", "#include <string.h>", "#include <stdlib.h>"]
        for f in range(rng.randrange(2, 9)):
            lines.append(f"static int f{f}(int a, const char *s) {{ int sum = {rng.randrange(100)}; for (int i = 0; i < a; i++) {{")
            for _ in range(rng.randrange(2, 8)):
                lines.append(f"  if ((sum ^ i) % {rng.randrange(2, 50)} == {rng.randrange(2)}) sum += i * {rng.randrange(1, 99)}; else sum ^= (int)strlen(s);")
            lines.append("} return sum; }")
            lines.append(f"int g{f}(int a) {{ char b[64]; snprintf(b, sizeof b, \"%d\", a); return f{f}(a, b) + atoi(b); }}")
        (folder / f"{at}.c").write_text("\n".join(lines))
    return [f"cc -O1 -c {at}.c -o {at}.o" for at in range(300)]


def zstd(folder):
    """200 files of text, 25 to 250 KB, compressed with -19."""
    rng = random.Random(2)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randrange(2, 11))) for _ in range(5_000)]
    for at in range(200):
        count = rng.randrange(4_000, 40_000)
        picks = (words[int(rng.random() ** 2 * len(words))] for _ in range(count))
        (folder / f"{at}.txt").write_text(" ".join(picks))
    return [f"zstd -19 -q -f -k {at}.txt" for at in range(200)]


def curl(folder):
    """500 requests to a server that takes 50 ms, and longer beyond 20 at once."""
    server = subprocess.Popen([sys.executable, Path(__file__).parent / "knee.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    port = int(server.stdout.readline())
    return [f"curl -s -o /dev/null http://127.0.0.1:{port}/{at}" for at in range(500)], server


BATCHES = {"cc": cc, "zstd": zstd, "curl": curl}


def seconds(command, folder, stdin=None):
    """Wall time of a command; what it prints is dropped."""
    begun = time.monotonic()
    done = subprocess.run(command, cwd=folder, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    took = time.monotonic() - begun
    if done.returncode != 0:
        sys.exit(f"{command} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-2000:]}")
    return took


def batch(name, options):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        made = BATCHES[name](folder)
        lines, server = made if isinstance(made, tuple) else (made, None)
        jobs = folder / "jobs.txt"
        jobs.write_text("\n".join(lines) + "\n")
        try:
            return measured(name, lines, jobs, folder, options)
        finally:
            if server is not None:
                server.stdin.close()
                server.wait(10)


def measured(name, lines, jobs, folder, options):
    def xargs(at_once):
        # The lines have no quotes: each is a command of its own, run without a shell as by the host.
        with jobs.open() as stdin:
            return seconds(["xargs", "-P", str(at_once), "-L", "1", "env"], folder, stdin)

    def host():
        return seconds([options.host, "run", "--profile", "medium", "--commands", jobs], folder)

    def parallel():
        with jobs.open() as stdin:
            return seconds(["parallel", "--will-cite"], folder, stdin)

    # Files are in memory, and components compiled, for all alike.
    xargs(MOST)
    host()
    swept = {at_once: xargs(at_once) for at_once in range(1, MOST + 1)}
    best = sorted(swept, key=swept.get)[:3]
    commands = {f"xargs -P {n}": (lambda n=n: xargs(n)) for n in best} | {"host run": host}
    if shutil.which("parallel"):
        commands["parallel"] = parallel
    took = {command: [] for command in commands}
    for _ in range(options.rounds):
        for command, run in commands.items():
            took[command].append(run())
    took = {command: median(times) for command, times in took.items()}
    least = min(time for command, time in took.items() if command.startswith("xargs"))
    rate = len(lines) / least
    print(f"### {name}: {BATCHES[name].__doc__}\n")
    print("| | seconds | jobs a second | of the best fixed number, % |")
    print("|---|---:|---:|---:|")
    for command, time_ in sorted(took.items(), key=lambda item: item[1]):
        shown = f"**`{command}`**" if command == "host run" else f"`{command}`"
        print(f"| {shown} | {time_:.2f} | {len(lines) / time_:.1f} | {100 * least / time_:.1f} |")
    print("\nEvery number once: " + ", ".join(f"{n}: {swept[n]:.2f}" for n in swept) + " s.\n")
    if "parallel" not in took:
        print("GNU parallel is not installed here, and was left out.\n")
    share = least / took["host run"]
    if share < LEAST_SHARE:
        print(f"{name}: {100 * share:.1f} % of the {rate:.1f} jobs a second of the best fixed number; asked: {100 * LEAST_SHARE:.0f}", file=sys.stderr)
    return share >= LEAST_SHARE


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", required=True, type=os.path.abspath)
    parser.add_argument("--only", choices=BATCHES)
    parser.add_argument("--print", action="store_true", help="to the terminal, not into docs/batches.md")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.print or options.only:
        sys.exit(0 if all([batch(name, options) for name in ([options.only] if options.only else BATCHES)]) else 1)
    import contextlib
    import io

    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        good = [batch(name, options) for name in BATCHES]
    page = ROOT / "docs" / "batches.md"
    before, rest = page.read_text().split("<!-- tables: written by bench/batches/run -->\n", 1)
    after = rest.split("<!-- end -->", 1)[1]
    page.write_text(f"{before}<!-- tables: written by bench/batches/run -->\n\n{text.getvalue()}<!-- end -->{after}")
    print(text.getvalue())
    sys.exit(0 if all(good) else 1)


main()
