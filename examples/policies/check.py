"""Whether the policies of this folder miss as they should: python3 check.py HOST

Writes two traces, one with sizes, and has HOST simulate each component beside its native twin: the misses have to be the same.
LFU-DA has no native twin; its misses are held against those of the few lines below, which look at every entry to find
a victim. Components that were not built are left out, and at least one has to be there.
"""

import csv
import io
import subprocess
import sys
import tempfile
from pathlib import Path

BUILT = Path(__file__).resolve().parents[2] / "target/policies"
TWINS = {"c/sieve": "sieve", "js/fifo": "fifo", "python/lru": "lru"}
LFU_DA = BUILT / "c/lfu-da.wasm"
REQUESTS = 20_000


def requests():
    """A skewed set of keys that drifts, with a scan through it: the key and its size."""
    state = 1
    for number in range(REQUESTS):
        state = state * 6_364_136_223_846_793_005 % 2**64 + 1_442_695_040_888_963_407 & 2**64 - 1
        chance = (state >> 33) / 2**31
        key = 100_000 + number if number % 5 == 0 else int(2_000 * chance**3) + number // 50
        yield key, 100 + key * 7_919 % 900


def misses(host, trace, policies, capacities):
    command = [host, "sim", trace, "--policy", ",".join(policies), "--capacity", ",".join(capacities), "--csv"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    table = {}
    for row in csv.DictReader(io.StringIO(printed)):
        table.setdefault(row["policy"], []).append((int(row["capacity"]), int(row["misses"])))
    return table


def lfu_da(trace, capacity):
    """Misses of LFU-DA, the plain way. `trace` has keys and weights."""
    entries, used, age, missed = {}, 0, 0, 0
    for now, (key, weight) in enumerate(trace):
        if key in entries:
            uses = entries[key][2] + 1
        else:
            missed += 1
            uses = 1
            while entries and used + weight > capacity:
                victim = min(entries, key=lambda other: entries[other][:2])
                age = entries[victim][0]
                used -= entries.pop(victim)[3]
            used += weight
        entries[key] = (uses + age, now, uses, weight)
    return missed


def main():
    host = sys.argv[1]
    trace = list(requests())
    failed = compared = 0
    with tempfile.TemporaryDirectory() as folder:
        plain, sized = f"{folder}/keys.txt", f"{folder}/sizes.csv"
        Path(plain).write_text("".join(f"{key}\n" for key, _ in trace))
        Path(sized).write_text("key,size\n" + "".join(f"{key},{size}\n" for key, size in trace))
        runs = [
            (plain, ["20", "300", "2000"], [(key, 1) for key, _ in trace]),
            (sized, ["20kB", "200kB"], trace),
        ]
        for file, capacities, weighed in runs:
            for component, twin in TWINS.items():
                path = BUILT / f"{component}.wasm"
                if not path.is_file():
                    continue
                table = misses(host, file, [twin, str(path)], capacities)
                native = table.pop(twin)
                ((name, its),) = table.items()
                compared += 1
                failed += its != native
                print(f"{name}: {its}, {twin}: {native}: {'equal' if its == native else 'DIFFERENT'}")
            if LFU_DA.is_file():
                ((name, its),) = misses(host, file, [str(LFU_DA)], capacities).items()
                model = [(capacity, lfu_da(weighed, capacity)) for capacity, _ in its]
                compared += 1
                failed += its != model
                print(f"{name}: {its}, the model: {model}: {'equal' if its == model else 'DIFFERENT'}")
    if failed or not compared:
        sys.exit(f"{failed} of {compared} are not what they should be")


main()
