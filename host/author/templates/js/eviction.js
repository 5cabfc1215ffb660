// An eviction policy: which entries of a cache leave when there is no room. This one takes the oldest entry that was not used
// since it was last looked at: replace it with an idea of your own.
//
// A Map keeps the order in which its keys were set: from the oldest to the newest.

let capacity = 0;
let held = 0;
// By slot: { weight, uses, used }.
let entries = new Map();

// Evicts until so much more fits.
function makeRoom(incoming, event, answer) {
  while (held + incoming > capacity && entries.size > 0) {
    const [slot, entry] = entries.entries().next().value;
    entries.delete(slot);
    if (entry.used) {
      entry.used = false;
      entries.set(slot, entry);
      continue;
    }
    held -= entry.weight;
    answer.victims.push(slot * 2); // one more where the policy remembers the entry
    answer.at.push(event);
  }
}

export const evictionPolicy = {
  describe() {
    return {
      name: "{{name}}",
      version: "0.1.0",
      summary: "Takes the oldest entry that was not used since it was last looked at",
      settings: [],
      wantsIds: false,
    };
  },

  open(opening) {
    capacity = Number(opening.capacity);
    held = 0;
    entries = new Map();
  },

  turn(events, weights, _ids) {
    const answer = { victims: [], at: [], forgotten: [] };
    for (let i = 0; i < events.length; i++) {
      const slot = events[i] >>> 2;
      const kind = events[i] & 3;
      const weight = weights.length > 0 ? weights[i] : 1;
      const entry = entries.get(slot);
      if (kind === 1) {
        // Removed by the user.
        if (entry) {
          entries.delete(slot);
          held -= entry.weight;
        }
      } else if (!entry) {
        makeRoom(weight, i, answer);
        entries.set(slot, { weight, uses: 1, used: false });
        held += weight;
      } else {
        entry.used = true;
        entry.uses += 1;
        if (kind === 2) {
          // It has another weight from now on.
          held += weight - entry.weight;
          entry.weight = weight;
          makeRoom(0, i, answer);
        }
      }
    }
    return answer;
  },

  resize(to) {
    const answer = { victims: [], at: [], forgotten: [] };
    capacity = Number(to);
    makeRoom(0, 0, answer);
    return answer;
  },

  handOver() {
    return { slots: [...entries.keys()], uses: [...entries.values()].map((entry) => entry.uses) };
  },

  takeOver(slots, uses, weights, _ids) {
    for (let i = 0; i < slots.length; i++) {
      const weight = weights.length > 0 ? weights[i] : 1;
      entries.set(slots[i], { weight, uses: uses[i], used: false });
      held += weight;
    }
  },
};
