// SIEVE: a queue in order of insertion, and a hand that walks it and spares, once, what was used.
//
// Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is Simpler than LRU: an Efficient Turn-Key Eviction Algorithm for Web
// Caches", NSDI 2024, algorithm 1. Misses exactly as the native `sieve` does.

#include "driver.h"

const char policy_name[] = "c-sieve";
const char policy_summary[] = "A queue with one hand and an access bit";

static uint32_t *newer, *older;
static bool *visited;
static uint32_t oldest = NONE, newest = NONE;
static uint32_t hand = NONE;  // where the search goes on; NONE for the oldest entry

void policy_reach(uint32_t slots) {
  GROW(newer, slots);
  GROW(older, slots);
  GROW(visited, slots);
}

void policy_insert(uint32_t slot) {
  newer[slot] = NONE;
  older[slot] = newest;
  visited[slot] = false;
  *(newest == NONE ? &oldest : &newer[newest]) = slot;
  newest = slot;
}

void policy_hit(uint32_t slot) { visited[slot] = true; }

void policy_remove(uint32_t slot) {
  if (hand == slot) hand = newer[slot];
  *(older[slot] == NONE ? &oldest : &newer[older[slot]]) = newer[slot];
  *(newer[slot] == NONE ? &newest : &older[newer[slot]]) = older[slot];
}

uint32_t policy_victim(void) {
  for (;; hand = newer[hand]) {
    if (hand == NONE) hand = oldest;
    if (!visited[hand]) return hand;
    visited[hand] = false;
  }
}

// As the hand will meet them: those that it would take, then those that it would spare.
void policy_order(uint32_t *slots) {
  uint32_t start = hand == NONE ? oldest : hand;
  for (int spared = 0; spared <= 1; spared++) {
    uint32_t slot = start;
    do {
      if (visited[slot] == spared) *slots++ = slot;
      slot = newer[slot] == NONE ? oldest : newer[slot];
    } while (slot != start);
  }
}
