"""A strategy: looks at what was measured once a tick, and proposes settings.

This one grows the cache while it evicts: replace what `tick` decides with an idea of your own. Import at the top: there are no
files once the component is built.
"""

import wit_world
from componentize_py_types import Err
from wit_world.imports import cache_control, dials, metrics
from wit_world.imports.types import Description, TickInfo

DIAL = "cache-capacity"


class WitWorld(wit_world.WitWorld):
    def describe(self) -> Description:
        return Description(
            name="{{name}}",
            version="0.1.0",
            summary="Grows the cache while it evicts",
            dials=[DIAL],
            settings=[],
        )

    def tick(self, info: TickInfo) -> None:
        now = metrics.cache()
        if now.window_evictions == 0:
            return
        try:
            cache_control.propose_capacity(now.capacity_bytes * 5 // 4)
        except Err:
            # Another strategy may have more priority, or the dial may be cooling down: no error of this one.
            return
        dials.explain(DIAL, f"{now.window_evictions} evictions")
