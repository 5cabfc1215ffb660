// A strategy: looks at what was measured once a tick, and proposes settings. This one grows the cache while it evicts:
// replace what `tick` decides with an idea of your own.

import { cache } from "optimizer:plugin/metrics@0.1.0";
import { explain } from "optimizer:plugin/dials@0.1.0";
import { proposeCapacity } from "optimizer:plugin/cache-control@0.1.0";

const DIAL = "cache-capacity";

export function describe() {
  return { name: "{{name}}", version: "0.1.0", summary: "Grows the cache while it evicts", dials: [DIAL], settings: [] };
}

export function tick() {
  const now = cache();
  // A u64 is a Number in QuickJS, and a BigInt in StarlingMonkey.
  const evictions = Number(now.windowEvictions);
  if (evictions === 0) return;
  try {
    proposeCapacity(Math.floor(Number(now.capacityBytes) * 1.25));
    explain(DIAL, `${evictions} evictions`);
  } catch (error) {
    // A refused proposal is thrown, with the `control-error` as its payload: another strategy may have more priority, or the
    // dial may be cooling down.
    if (error.payload === undefined) throw error;
  }
}
