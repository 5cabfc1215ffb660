// Fits the capacity of the cache to its requests.
//
// The shadows estimate what the policy in force would miss at half and at twice the capacity. Their misses are summed over
// `ticks` ticks. Where twice the capacity would have saved at least `worth` of the requests, the strategy proposes twice
// the capacity; where half the capacity would have cost less than a quarter of that, it proposes half. The distance
// between the two thresholds keeps noise from moving the capacity back and forth.
//
// A u64 is a BigInt in StarlingMonkey and a Number in QuickJS, in both directions: `Number(...)` reads either, and `u64`
// below makes what the engine at hand takes.

import { cache, shadows } from "optimizer:plugin/metrics@0.1.0";
import { explain, range } from "optimizer:plugin/dials@0.1.0";
import { proposeCapacity } from "optimizer:plugin/cache-control@0.1.0";
import { get } from "optimizer:plugin/settings@0.1.0";
import { write } from "optimizer:plugin/log@0.1.0";

const DIAL = "cache-capacity";

const NUMBERS = [
  { name: "worth", summary: "Share of the requests that twice the capacity has to save", default: "0.02", minimum: 0, maximum: 1 },
  { name: "ticks", summary: "Ticks over which misses are summed", default: "4", minimum: 1, maximum: 1000 },
];

const start = () => ({ ticks: 0, requests: 0, evictions: 0, half: 0, present: 0, twice: 0 });

let settings;
let sums = start();
let capacity = 0;
let policy = "";
let u64 = Number;

export function describe() {
  return {
    name: "fit-capacity",
    version: "0.1.0",
    summary: "Doubles the cache's capacity where that saves misses, and halves it where that costs few",
    dials: [DIAL],
    settings: NUMBERS.map((number) => ({ ...number, kind: "number", choices: [] })),
  };
}

export function tick() {
  settings ??= readSettings();
  const now = cache();
  u64 = typeof now.capacityBytes === "bigint" ? BigInt : Number;
  const bytes = Number(now.capacityBytes);
  if (bytes !== capacity || now.policy !== policy) {
    // The sums are of another capacity or policy.
    [capacity, policy, sums] = [bytes, now.policy, start()];
    return;
  }
  if (!add(now) || sums.ticks < settings.ticks) return;
  const change = choose();
  sums = start();
  if (change !== undefined) propose(change);
}

function readSettings() {
  return Object.fromEntries(NUMBERS.map(({ name, default: text }) => [name, Number(get(name) ?? text)]));
}

// Answers false where the policy in force has no shadow at one of the capacities.
function add(now) {
  const estimates = shadows().filter((shadow) => shadow.policy === now.policy);
  const [half, present, twice] = [0.5, 1, 2].map((factor) => estimates.find((shadow) => shadow.capacityFactor === factor));
  if (!half || !present || !twice) return false;
  const misses = (shadow) => Number(shadow.windowMisses) / shadow.samplingRate;
  sums.ticks += 1;
  sums.requests += Number(now.windowHits) + Number(now.windowMisses);
  sums.evictions += Number(now.windowEvictions);
  sums.half += misses(half);
  sums.present += misses(present);
  sums.twice += misses(twice);
  return true;
}

function choose() {
  const { minimum, maximum } = range(DIAL) ?? { minimum: 0, maximum: 0 };
  const worth = settings.worth * sums.requests;
  const saved = sums.present - sums.twice;
  const cost = sums.half - sums.present;
  // A cache that does not evict needs no more, and what it does not use costs no memory.
  if (sums.evictions === 0) return undefined;
  if (saved >= worth && capacity < maximum) {
    return { bytes: capacity * 2, reason: `twice the capacity would have had ${text(saved)} fewer misses in ${text(sums.requests)} requests` };
  }
  if (cost < worth / 4 && capacity > minimum) {
    return { bytes: capacity / 2, reason: `half the capacity would have had ${text(cost)} more misses in ${text(sums.requests)} requests` };
  }
  return undefined;
}

const text = (misses) => Math.round(misses).toString();

function propose({ bytes, reason }) {
  try {
    proposeCapacity(u64(Math.round(bytes)));
    explain(DIAL, reason);
  } catch (error) {
    // A refused proposal is thrown, with the `control-error` as its payload.
    if (error.payload === undefined) throw error;
    if (error.payload.tag !== "cooling-down") write("warn", `capacity of ${bytes} refused: ${error.payload.tag}`);
  }
}
