"""A trace that is made: a walk of a source tree in build order.

It reads the sources of this workspace's dependencies as a compiler would: packages after what they depend on, by
Cargo.lock; of a package its manifest, its build script, its root, then every other source in the order of the paths. It is
read twice, as by a second build. With jobs, so many packages are read at once, and which of them goes on is drawn anew in
each pass. A key is the place of the file's path, `name-version/path`, in the order of all of them, as a directory is indexed by the
host: neighbours lie in one folder. Where the sources lie is not in them.
"""

import csv
import tomllib
from pathlib import Path

JOBS = 4


def walk(lock: Path, registry: Path, to: Path, jobs: int) -> None:
    packages = [read for name in build_order(lock) if (read := sources(registry, name))]
    if not packages:
        raise SystemExit(f"no sources in {registry}: run `cargo fetch`, or set CARGO_HOME")
    with to.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["key", "size"])
        places = {name: place for place, name in enumerate(sorted(name for files in packages for name, _ in files))}
        for seed in (1, 2):
            out.writerows((places[name], size) for name, size in interleaved(packages, jobs, seed))


def build_order(lock: Path) -> list[str]:
    packages = tomllib.loads(lock.read_text())["package"]
    by_name: dict[str, list[dict]] = {}
    for package in packages:
        by_name.setdefault(package["name"], []).append(package)
    order, seen = [], set()

    def visit(package: dict) -> None:
        name = f"{package['name']}-{package['version']}"
        if name in seen:
            return
        seen.add(name)
        for needed in package.get("dependencies", []):
            name_of, *version = needed.split()
            for other in by_name[name_of]:
                if not version or other["version"] == version[0]:
                    visit(other)
        if "source" in package:
            order.append(name)

    for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
        visit(package)
    return order


def sources(registry: Path, name: str) -> list[tuple[str, int]]:
    for root in sorted(registry.glob(f"*/{name}")):
        first = [root / "Cargo.toml", root / "build.rs", root / "src/lib.rs"]
        rest = sorted(path for path in root.glob("src/**/*.rs") if path not in first)
        files = [path for path in [*first, *rest] if path.is_file()]
        return [(f"{name}/{path.relative_to(root).as_posix()}", path.stat().st_size) for path in files]
    return []


def interleaved(packages: list[list[tuple[str, int]]], jobs: int, seed: int):
    waiting = iter(packages)
    open_now = [iter(files) for files, _ in zip(waiting, range(jobs))]
    state = seed
    while open_now:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        place = (state >> 33) % len(open_now)
        # A compiler reads some files of a package before another one goes on.
        for _ in range(1 + (state >> 50) % 8):
            row = next(open_now[place], None)
            if row is None:
                follows = next(waiting, None)
                if follows is None:
                    open_now.pop(place)
                else:
                    open_now[place] = iter(follows)
                break
            yield row
