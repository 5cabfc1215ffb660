// FIFO: evict the entry that was inserted longest ago.
//
// A queue as arrays indexed by slot: which slot came before and which after. A removal takes an entry out of its middle.
// Misses exactly as the native `fifo` does.
//
// An export that is an interface is a JavaScript object with its functions. A u64 is a BigInt in StarlingMonkey and a Number
// in QuickJS: `Number(...)` reads either.

const NONE = -1;

let capacity = 0;
let used = 0;
let oldest = NONE;
let newest = NONE;
let before = new Int32Array(1024);
let after = new Int32Array(1024);
let weightOf = new Uint32Array(1024);
let uses = new Uint32Array(1024); // 0: not resident

function reach(slot) {
  const longer = (array) => {
    const grown = new array.constructor(Math.max(2 * array.length, slot + 1));
    grown.set(array);
    return grown;
  };
  if (slot >= uses.length) [before, after, weightOf, uses] = [before, after, weightOf, uses].map(longer);
}

function insert(slot, weight, times) {
  reach(slot);
  [before[slot], after[slot], weightOf[slot], uses[slot]] = [newest, NONE, weight, times];
  if (newest === NONE) oldest = slot;
  else after[newest] = slot;
  newest = slot;
  used += weight;
}

function remove(slot) {
  if (before[slot] === NONE) oldest = after[slot];
  else after[before[slot]] = after[slot];
  if (after[slot] === NONE) newest = before[slot];
  else before[after[slot]] = before[slot];
  used -= weightOf[slot];
  uses[slot] = 0;
}

function makeRoom(incoming, event, answer) {
  while (oldest !== NONE && used + incoming > capacity) {
    answer.victims.push(2 * oldest); // even: it is not remembered
    answer.at.push(event);
    remove(oldest);
  }
}

const nothing = () => ({ victims: [], at: [], forgotten: [] });

export const evictionPolicy = {
  describe() {
    return {
      name: "js-fifo",
      version: "0.1.0",
      summary: "Evicts the entry that was inserted longest ago",
      settings: [],
      wantsIds: false,
    };
  },

  open(opening) {
    capacity = Number(opening.capacity);
  },

  turn(events, weights) {
    const answer = nothing();
    for (let number = 0; number < events.length; number++) {
      const slot = events[number] >>> 2;
      const kind = events[number] & 3;
      const weight = weights.length ? weights[number] : 1;
      if (!uses[slot]) {
        if (kind === 1) continue;
        makeRoom(weight, number, answer);
        insert(slot, weight, 1);
      } else if (kind === 1) {
        remove(slot);
      } else {
        uses[slot] += 1;
        if (kind === 0) continue;
        used += weight - weightOf[slot];
        weightOf[slot] = weight;
        makeRoom(0, number, answer);
      }
    }
    return answer;
  },

  resize(size) {
    const answer = nothing();
    capacity = Number(size);
    makeRoom(0, 0, answer);
    return answer;
  },

  handOver() {
    const residents = { slots: [], uses: [] };
    for (let slot = oldest; slot !== NONE; slot = after[slot]) {
      residents.slots.push(slot);
      residents.uses.push(uses[slot]);
    }
    return residents;
  },

  takeOver(slots, times, weights) {
    for (let place = 0; place < slots.length; place++) {
      insert(slots[place], weights.length ? weights[place] : 1, times[place]);
    }
  },
};
