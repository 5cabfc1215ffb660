// An eviction policy: which entries of a cache leave when there is no room. This one takes the oldest entry that was not used
// since it was last looked at (CLOCK, on a list): replace it with an idea of your own.
//
// Slots are small numbers without large gaps, so that lists by slot are all that a policy needs. What an export returns is freed
// by the generated code after the call, so that it has to come from malloc.

#include <stdlib.h>
#include <string.h>

#include "eviction.h"

#define NONE UINT32_MAX

// By slot. `weight` is 0 where no entry is resident.
static struct entry {
  uint32_t next, before, weight, uses;
  bool used;
} *entries;
static size_t known;

static uint32_t oldest = NONE, newest = NONE;
static size_t resident;
static uint64_t held, capacity;

// What `turn` answers.
static uint32_t *victims, *at;
static size_t count, room;

static void *grown(void *list, size_t length, size_t size) {
  void *memory = realloc(list, length * size);
  if (!memory) abort();  // the host ends the policy and says why
  return memory;
}

static void reach(uint32_t slot) {
  if (slot < known) return;
  size_t more = slot + 1 > 2 * known ? slot + 1 : 2 * known;
  entries = grown(entries, more, sizeof *entries);
  memset(entries + known, 0, (more - known) * sizeof *entries);
  known = more;
}

static void unlink_entry(uint32_t slot) {
  struct entry *entry = &entries[slot];
  if (entry->before == NONE) oldest = entry->next;
  else entries[entry->before].next = entry->next;
  if (entry->next == NONE) newest = entry->before;
  else entries[entry->next].before = entry->before;
}

static void append(uint32_t slot) {
  entries[slot].before = newest;
  entries[slot].next = NONE;
  if (newest == NONE) oldest = slot;
  else entries[newest].next = slot;
  newest = slot;
}

static void take_out(uint32_t slot) {
  unlink_entry(slot);
  held -= entries[slot].weight;
  entries[slot].weight = 0;
  resident--;
}

static void put_in(uint32_t slot, uint32_t weight, uint32_t uses) {
  reach(slot);
  entries[slot].weight = weight;
  entries[slot].uses = uses;
  entries[slot].used = false;
  append(slot);
  held += weight;
  resident++;
}

// Evicts until so much more fits.
static void make_room(uint64_t incoming, uint32_t event) {
  while (held + incoming > capacity && oldest != NONE) {
    uint32_t slot = oldest;
    if (entries[slot].used) {
      entries[slot].used = false;
      unlink_entry(slot);
      append(slot);
      continue;
    }
    take_out(slot);
    if (count == room) {
      room = room ? 2 * room : 64;
      victims = grown(victims, room, sizeof *victims);
      at = grown(at, room, sizeof *at);
    }
    victims[count] = slot << 1;  // one more where the policy remembers the entry
    at[count++] = event;
  }
}

// Hands the lists over; the generated code frees them.
static void answer(exports_optimizer_plugin_eviction_policy_answer_t *ret) {
  memset(ret, 0, sizeof *ret);
  ret->victims.ptr = victims;
  ret->at.ptr = at;
  ret->victims.len = ret->at.len = count;
  victims = at = NULL;
  count = room = 0;
}

void exports_optimizer_plugin_eviction_policy_describe(exports_optimizer_plugin_eviction_policy_policy_description_t *ret) {
  memset(ret, 0, sizeof *ret);
  eviction_string_dup(&ret->name, "{{name}}");
  eviction_string_dup(&ret->version, "0.1.0");
  eviction_string_dup(&ret->summary, "Takes the oldest entry that was not used since it was last looked at");
}

bool exports_optimizer_plugin_eviction_policy_open(exports_optimizer_plugin_eviction_policy_opening_t *opening,
                                                   eviction_string_t *err) {
  (void)err;
  capacity = opening->capacity;
  return true;
}

void exports_optimizer_plugin_eviction_policy_turn(eviction_list_u32_t *events, eviction_list_u32_t *weights,
                                                   eviction_list_u64_t *ids,
                                                   exports_optimizer_plugin_eviction_policy_answer_t *ret) {
  (void)ids;
  for (size_t i = 0; i < events->len; i++) {
    uint32_t slot = events->ptr[i] >> 2, kind = events->ptr[i] & 3;
    uint32_t weight = weights->len ? weights->ptr[i] : 1;
    reach(slot);
    struct entry *entry = &entries[slot];
    if (kind == 1) {  // removed by the user
      if (entry->weight) take_out(slot);
    } else if (!entry->weight) {  // not there: it comes in
      make_room(weight, (uint32_t)i);
      put_in(slot, weight, 1);
    } else {
      entry->used = true;
      if (entry->uses < UINT32_MAX) entry->uses++;
      if (kind == 2) {  // it has another weight from now on
        held = held - entry->weight + weight;
        entry->weight = weight;
        make_room(0, (uint32_t)i);
      }
    }
  }
  answer(ret);
}

void exports_optimizer_plugin_eviction_policy_resize(uint64_t to, exports_optimizer_plugin_eviction_policy_answer_t *ret) {
  capacity = to;
  make_room(0, 0);
  answer(ret);
}

void exports_optimizer_plugin_eviction_policy_hand_over(exports_optimizer_plugin_eviction_policy_residents_t *ret) {
  memset(ret, 0, sizeof *ret);
  if (!resident) return;
  ret->slots.ptr = grown(NULL, resident, sizeof *ret->slots.ptr);
  ret->uses.ptr = grown(NULL, resident, sizeof *ret->uses.ptr);
  for (uint32_t slot = oldest; slot != NONE; slot = entries[slot].next) {
    ret->slots.ptr[ret->slots.len++] = slot;
    ret->uses.ptr[ret->uses.len++] = entries[slot].uses;
  }
}

void exports_optimizer_plugin_eviction_policy_take_over(eviction_list_u32_t *slots, eviction_list_u32_t *uses,
                                                        eviction_list_u32_t *weights, eviction_list_u64_t *ids) {
  (void)ids;
  for (size_t i = 0; i < slots->len; i++)
    put_in(slots->ptr[i], weights->len ? weights->ptr[i] : 1, uses->ptr[i]);
}
