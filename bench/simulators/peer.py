"""One libCacheSim run in a process of its own: policies at capacities over one trace, a line of JSON for each.

usage: peer.py TRACE HASHPOWER POLICY,.. CAPACITY,..

Objects count as one. The time is that of `process_trace`, which reads the trace (it is mapped into memory) while it
replays. A hash power of 0 is the package's default, 24.
"""

import json
import sys
import time

import libcachesim as lcs

path, power, policies, capacities = sys.argv[1:]
options = {} if power == "0" else {"hashpower": int(power)}
for policy in policies.split(","):
    for capacity in capacities.split(","):
        reader = lcs.TraceReader(
            path, lcs.TraceType.ORACLE_GENERAL_TRACE, lcs.ReaderInitParam(ignore_obj_size=True)
        )
        cache = getattr(lcs, policy)(int(capacity), **options)
        started = time.perf_counter()
        ratio, _ = cache.process_trace(reader)
        seconds = time.perf_counter() - started
        row = {"policy": policy, "capacity": int(capacity), "miss_ratio": ratio, "seconds": seconds}
        print(json.dumps(row), flush=True)
