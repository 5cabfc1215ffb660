// Goes through the host's batches for a policy that names victims one at a time; see driver.h.
//
// Memory: the lists that an export is given are its own to free. What it answers is freed by the generated code after the
// call, so that it has to come from malloc.

#include "driver.h"

#include <string.h>

#include "eviction.h"

#define EXPORT(name) exports_optimizer_plugin_eviction_policy_##name

typedef EXPORT(answer_t) answer;

uint32_t *uses;
static uint32_t *weights_held;
static uint32_t reached, residents;
static uint64_t capacity, used;

void EXPORT(describe)(EXPORT(policy_description_t) *ret) {
  memset(ret, 0, sizeof *ret);  // no settings, no ids
  eviction_string_dup(&ret->name, policy_name);
  eviction_string_dup(&ret->version, "0.1.0");
  eviction_string_dup(&ret->summary, policy_summary);
}

bool EXPORT(open)(EXPORT(opening_t) *opening, eviction_string_t *err) {
  (void)err;  // nothing that it could refuse
  capacity = opening->capacity;
  return true;
}

static void reach(uint32_t slot) {
  if (slot < reached) return;
  uint32_t slots = slot < 512 ? 1024 : 2 * slot;
  GROW(uses, slots);
  GROW(weights_held, slots);
  memset(uses + reached, 0, (slots - reached) * sizeof *uses);
  policy_reach(slots);
  reached = slots;
}

static void insert(uint32_t slot, uint32_t weight, uint32_t times) {
  reach(slot);
  uses[slot] = times;
  weights_held[slot] = weight;
  used += weight;
  residents++;
  policy_insert(slot);
}

static void take_out(uint32_t slot) {
  policy_remove(slot);
  uses[slot] = 0;
  used -= weights_held[slot];
  residents--;
}

static void push(eviction_list_u32_t *list, uint32_t value) {
  // Full at each power of two.
  if ((list->len & (list->len - 1)) == 0) GROW(list->ptr, list->len ? 2 * list->len : 1);
  list->ptr[list->len++] = value;
}

static void make_room(uint64_t incoming, uint32_t event, answer *ret) {
  while (residents && used + incoming > capacity) {
    uint32_t slot = policy_victim();
    take_out(slot);
    push(&ret->victims, slot << 1);  // even: it is not remembered
    push(&ret->at, event);
  }
}

void EXPORT(turn)(eviction_list_u32_t *events, eviction_list_u32_t *weights, eviction_list_u64_t *ids, answer *ret) {
  memset(ret, 0, sizeof *ret);
  for (uint32_t number = 0; number < events->len; number++) {
    uint32_t slot = events->ptr[number] >> 2, kind = events->ptr[number] & 3;
    uint32_t weight = weights->len ? weights->ptr[number] : 1;
    bool resident = slot < reached && uses[slot];
    if (kind == 1) {
      if (resident) take_out(slot);
    } else if (!resident) {
      make_room(weight, number, ret);
      insert(slot, weight, 1);
    } else {
      if (uses[slot] < UINT32_MAX) uses[slot]++;
      policy_hit(slot);
      if (kind != 2) continue;
      used = used - weights_held[slot] + weight;
      weights_held[slot] = weight;
      make_room(0, number, ret);
    }
  }
  eviction_list_u32_free(events);
  eviction_list_u32_free(weights);
  eviction_list_u64_free(ids);
}

void EXPORT(resize)(uint64_t size, answer *ret) {
  memset(ret, 0, sizeof *ret);
  capacity = size;
  make_room(0, 0, ret);
}

void EXPORT(hand_over)(EXPORT(residents_t) *ret) {
  memset(ret, 0, sizeof *ret);
  if (!residents) return;
  GROW(ret->slots.ptr, residents);
  GROW(ret->uses.ptr, residents);
  ret->slots.len = ret->uses.len = residents;
  policy_order(ret->slots.ptr);
  for (uint32_t i = 0; i < residents; i++) ret->uses.ptr[i] = uses[ret->slots.ptr[i]];
}

void EXPORT(take_over)(eviction_list_u32_t *slots, eviction_list_u32_t *times, eviction_list_u32_t *weights,
                       eviction_list_u64_t *ids) {
  for (uint32_t i = 0; i < slots->len; i++) {
    uint32_t slot = slots->ptr[i];
    insert(slot, weights->len ? weights->ptr[i] : 1, times->ptr[i]);
    if (times->ptr[i] > 1) policy_hit(slot);
  }
  eviction_list_u32_free(slots);
  eviction_list_u32_free(times);
  eviction_list_u32_free(weights);
  eviction_list_u64_free(ids);
}
