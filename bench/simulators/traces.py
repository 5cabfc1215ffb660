"""The traces of the comparison, as oracleGeneral files: u32 time, u64 id, u32 size (1), i64 next access.

usage: traces.py zipf FILE, traces.py oltp FILE OLTP.lis.zst
"""

import subprocess
import sys
from pathlib import Path

import numpy as np

RECORD = np.dtype([("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])


def write(path, ids):
    records = np.zeros(len(ids), dtype=RECORD)
    records["time"] = np.arange(len(ids)) // 1000
    records["id"] = ids
    records["size"] = 1
    order = np.argsort(ids, kind="stable")
    again = ids[order][:-1] == ids[order][1:]
    following = np.full(len(ids), -1, dtype=np.int64)
    following[order[:-1][again]] = order[1:][again]
    records["next"] = following
    partial = path.with_suffix(".partial")
    records.tofile(partial)
    partial.rename(path)  # so that an interrupted run leaves no half of a trace


def zipf(path, requests=20_000_000, objects=2_000_000, exponent=1.0, seed=1):
    """Independent draws; ids are hashes of the ranks, so that nothing follows from an id."""
    weights = np.arange(1, objects + 1, dtype=np.float64) ** -exponent
    steps = np.cumsum(weights)
    rank = np.searchsorted(steps / steps[-1], np.random.default_rng(seed).random(requests)).astype(np.uint64)
    x = rank + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    write(path, x ^ (x >> np.uint64(31)))


def oltp(path, lis):
    """ARC's format: a line of start, count, ... stands for `count` consecutive blocks."""
    text = subprocess.run(["zstd", "-dc", str(lis)], check=True, capture_output=True).stdout
    table = np.array(text.split(), dtype=np.uint64).reshape(-1, 4)
    start, count = table[:, 0], table[:, 1].astype(np.int64)
    offset = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    write(path, np.repeat(start, count) + offset.astype(np.uint64))


if __name__ == "__main__":
    kind, file, *source = sys.argv[1:]
    {"zipf": zipf, "oltp": oltp}[kind](Path(file), *source)
