// LFU-DA: LFU with dynamic ageing. Evict the entry with the smallest key, which is how often it was used plus the age of the
// cache when it last was. The age is the key of the last victim, so that what was popular once is caught up with.
//
// Arlitt, Cherkasova, Dilley, Friedrich and Jin, "Evaluating Content Management Techniques for Web Proxy Caches", ACM
// SIGMETRICS Performance Evaluation Review 27(4), 2000. No parameters. Ties evict the entry used longest ago. The count
// begins anew when an entry comes back.
//
// A binary heap of slots, the smallest key on top, with the place of each slot beside it: logarithmic time a request.
//
// When not to use it: where recency is all that counts, as under scans with short reuse; newcomers leave first.

#include "driver.h"

const char policy_name[] = "lfu-da";
const char policy_summary[] = "Evicts the least often used entry, and lets what was popular once grow old";

static struct { uint64_t key, used_at; } *rank;  // of each slot
static uint32_t *heap, *place, length;
static uint64_t age, now;

void policy_reach(uint32_t slots) {
  GROW(rank, slots);
  GROW(heap, slots);
  GROW(place, slots);
}

static bool colder(uint32_t a, uint32_t b) {
  return rank[a].key != rank[b].key ? rank[a].key < rank[b].key : rank[a].used_at < rank[b].used_at;
}

static void put(uint32_t at, uint32_t slot) { heap[at] = slot, place[slot] = at; }

// Finds the place of a slot from `at` on: up while it is colder than what is above, then down.
static void settle(uint32_t at, uint32_t slot) {
  for (; at && colder(slot, heap[(at - 1) / 2]); at = (at - 1) / 2) put(at, heap[(at - 1) / 2]);
  for (uint32_t child; (child = 2 * at + 1) < length; at = child) {
    if (child + 1 < length && colder(heap[child + 1], heap[child])) child++;
    if (!colder(heap[child], slot)) break;
    put(at, heap[child]);
  }
  put(at, slot);
}

void policy_hit(uint32_t slot) {
  rank[slot].key = uses[slot] + age;
  rank[slot].used_at = now++;
  settle(place[slot], slot);
}

void policy_insert(uint32_t slot) {
  place[slot] = length++;
  policy_hit(slot);
}

void policy_remove(uint32_t slot) {
  uint32_t last = heap[--length];
  if (last != slot) settle(place[slot], last);
}

uint32_t policy_victim(void) {
  age = rank[heap[0]].key;
  return heap[0];
}

static int by_rank(const void *a, const void *b) { return colder(*(uint32_t *)a, *(uint32_t *)b) ? -1 : 1; }

void policy_order(uint32_t *slots) {
  for (uint32_t i = 0; i < length; i++) slots[i] = heap[i];
  qsort(slots, length, sizeof *slots, by_rank);
}
