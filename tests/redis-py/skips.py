"""Skips the tests of a list, each with its reason: a plugin of pytest. A line that names no test is an error."""

import os
from fnmatch import fnmatchcase

import pytest


def pytest_collection_modifyitems(items):
    path = os.environ["SKIPS"]
    with open(path) as file:
        lines = [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]
    unused = set(lines)
    for item in items:
        name = f"{os.path.basename(item.path)}::{item.originalname}"
        for line in lines:
            pattern, bar, reason = line.rpartition(" | ")
            if not bar or not reason.strip():
                raise pytest.UsageError(f"{path}: a line without a reason: {line}")
            if fnmatchcase(name, pattern):
                item.add_marker(pytest.mark.skip(reason=reason))
                unused.discard(line)
    if unused:
        raise pytest.UsageError(f"{path}: these name no test: {sorted(unused)}")
