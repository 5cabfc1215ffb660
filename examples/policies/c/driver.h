// What a policy in C writes, and what driver.c does for it.
//
// The driver goes through the host's batches, keeps the room, and answers who left when. The policy orders slots and names one
// victim at a time, as the policies of host/policy do. Slots are small numbers without large gaps: arrays indexed by slot
// are all that it takes.

#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define NONE UINT32_MAX

// Name and summary of the policy.
extern const char policy_name[], policy_summary[];

// How often the entry of each slot was used while resident, the insertion included; 0 where none is resident. The driver's.
extern uint32_t *uses;

// Makes arrays long enough for this many slots. With `GROW` for each.
void policy_reach(uint32_t slots);

// An entry is resident from now on. `uses` is set.
void policy_insert(uint32_t slot);

// A resident entry was asked for. `uses` is one more.
void policy_hit(uint32_t slot);

// An entry leaves: the victim that was named, or one that the user removed.
void policy_remove(uint32_t slot);

// The entry that leaves next. There is one.
uint32_t policy_victim(void);

// Writes the residents, from the coldest to the hottest.
void policy_order(uint32_t *slots);

// Gives an array `length` elements; keeps those it has. Out of memory is a trap, which the host reports.
#define GROW(array, length) ((array) = grown((array), (length) * sizeof *(array)))

static inline void *grown(void *array, size_t bytes) {
  void *longer = realloc(array, bytes);
  if (!longer) abort();
  return longer;
}
