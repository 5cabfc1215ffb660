// Puts the policy in force that would have missed least of late.
//
// The shadows estimate the misses of each policy they follow at the present capacity. The strategy adds them up, each
// tick's sum reduced by `DECAY` before the next is added. Where the same other policy has had at least `margin` fewer
// misses than the one in force in each of `dwell` ticks, it proposes that policy.
//
// Memory: wit-bindgen allocates every list and string that the host returns, and the caller frees it. Those that an
// export returns are freed by the generated code after the call, so that they have to come from malloc, too.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_strategy.h"

#define DIAL "cache-policy"
#define DECAY 0.75
#define MOST_POLICIES 16
#define LONGEST_NAME 64

typedef cache_strategy_string_t text;

static struct {
  char name[LONGEST_NAME];
  double misses;
} policies[MOST_POLICIES];
static size_t followed;

static char leader[LONGEST_NAME];
static unsigned lead_ticks;

static double margin;
static double dwell;

static const struct {
  const char *name, *summary, *initial;
  double minimum, maximum;
  double *value;
} settings[] = {
    {"margin", "Share of its misses that another policy has to save", "0.02", 0.0, 1.0, &margin},
    {"dwell", "Ticks for which the same policy has to lead", "3", 1.0, 1000.0, &dwell},
};
#define SETTINGS (sizeof settings / sizeof settings[0])

static text borrowed(const char *s) {
  text t;
  cache_strategy_string_set(&t, s);
  return t;
}

static bool is(const text *t, const char *s) {
  return t->len == strlen(s) && memcmp(t->ptr, s, t->len) == 0;
}

// Copies a text of the host, cut to what fits, and ends it with a zero.
static void copy(char *to, size_t room, const text *from) {
  size_t length = from->len < room - 1 ? from->len : room - 1;
  memcpy(to, from->ptr, length);
  to[length] = '\0';
}

static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count, size);
  if (!memory) abort();  // the host disables the strategy and says why
  return memory;
}

void exports_cache_strategy_describe(cache_strategy_description_t *ret) {
  memset(ret, 0, sizeof *ret);
  cache_strategy_string_dup(&ret->name, "pick-policy");
  cache_strategy_string_dup(&ret->version, "0.1.0");
  cache_strategy_string_dup(&ret->summary, "Puts the policy in force that would have missed least of late");
  ret->dials.ptr = allocate(1, sizeof *ret->dials.ptr);
  ret->dials.len = 1;
  cache_strategy_string_dup(&ret->dials.ptr[0], DIAL);
  ret->settings.ptr = allocate(SETTINGS, sizeof *ret->settings.ptr);
  ret->settings.len = SETTINGS;
  for (size_t i = 0; i < SETTINGS; i++) {
    optimizer_plugin_types_setting_t *setting = &ret->settings.ptr[i];
    cache_strategy_string_dup(&setting->name, settings[i].name);
    cache_strategy_string_dup(&setting->summary, settings[i].summary);
    cache_strategy_string_dup(&setting->default_, settings[i].initial);
    setting->kind = OPTIMIZER_PLUGIN_TYPES_SETTING_KIND_NUMBER;
    setting->minimum = (cache_strategy_option_f64_t){true, settings[i].minimum};
    setting->maximum = (cache_strategy_option_f64_t){true, settings[i].maximum};
  }
}

// The host has checked the profile's text against kind and range.
static void read_settings(void) {
  for (size_t i = 0; i < SETTINGS; i++) {
    char number[32];
    text name = borrowed(settings[i].name), given;
    snprintf(number, sizeof number, "%s", settings[i].initial);
    if (optimizer_plugin_settings_get(&name, &given)) {
      copy(number, sizeof number, &given);
      cache_strategy_string_free(&given);
    }
    *settings[i].value = strtod(number, NULL);
  }
}

// The sum of a policy; NULL where there is no room for another one.
static double *misses_of(const text *name) {
  for (size_t i = 0; i < followed; i++)
    if (is(name, policies[i].name)) return &policies[i].misses;
  if (followed == MOST_POLICIES || name->len >= LONGEST_NAME) return NULL;
  copy(policies[followed].name, LONGEST_NAME, name);
  policies[followed].misses = 0.0;
  return &policies[followed++].misses;
}

static void add_shadows(void) {
  optimizer_plugin_metrics_list_shadow_estimate_t shadows;
  optimizer_plugin_metrics_shadows(&shadows);
  for (size_t i = 0; i < followed; i++) policies[i].misses *= DECAY;
  for (size_t i = 0; i < shadows.len; i++) {
    const optimizer_plugin_metrics_shadow_estimate_t *shadow = &shadows.ptr[i];
    if (shadow->capacity_factor != 1.0) continue;
    double *misses = misses_of(&shadow->policy);
    // The sample's misses at full scale: the rate changes under load.
    if (misses) *misses += (double)shadow->window_misses / shadow->sampling_rate;
  }
  optimizer_plugin_metrics_list_shadow_estimate_free(&shadows);
}

static void propose(const char *policy, double fewer, const char *present) {
  text name = borrowed(policy), dial = borrowed(DIAL);
  optimizer_plugin_cache_control_acceptance_t accepted;
  optimizer_plugin_cache_control_control_error_t refused;
  char reason[256];
  if (!optimizer_plugin_cache_control_propose_policy(&name, &accepted, &refused)) {
    // A dial that cools down is free again some ticks later: the lead goes on until then.
    if (refused.tag != OPTIMIZER_PLUGIN_TYPES_CONTROL_ERROR_COOLING_DOWN) {
      snprintf(reason, sizeof reason, "%s refused: error %d of wit/types.wit", policy, refused.tag);
      text message = borrowed(reason);
      optimizer_plugin_log_write(OPTIMIZER_PLUGIN_LOG_LEVEL_WARN, &message);
    }
    optimizer_plugin_cache_control_control_error_free(&refused);
    return;
  }
  snprintf(reason, sizeof reason, "%s would have had %.0f fewer misses than %s of late, and led for %u ticks", policy,
           fewer, present, lead_ticks);
  text why = borrowed(reason);
  optimizer_plugin_dials_explain(&dial, &why);
  lead_ticks = 0;
}

bool exports_cache_strategy_tick(cache_strategy_tick_info_t *info, cache_strategy_tick_error_t *err) {
  (void)err;  // this strategy has nothing that it cannot cope with
  if (info->tick == 1) read_settings();
  add_shadows();

  optimizer_plugin_metrics_cache_metrics_t now;
  optimizer_plugin_metrics_cache(&now);
  char present[LONGEST_NAME];
  copy(present, sizeof present, &now.policy);
  bool evicts = now.window_evictions > 0;
  const double *misses = misses_of(&now.policy);
  optimizer_plugin_metrics_cache_metrics_free(&now);

  size_t best = 0;
  for (size_t i = 1; i < followed; i++)
    if (policies[i].misses < policies[best].misses) best = i;
  // A cache that does not evict holds the same under every policy.
  if (!misses || !evicts || policies[best].misses > *misses * (1.0 - margin)) {
    lead_ticks = 0;
    return true;
  }
  if (strcmp(leader, policies[best].name) != 0) {
    snprintf(leader, sizeof leader, "%s", policies[best].name);
    lead_ticks = 0;
  }
  if (++lead_ticks >= dwell) propose(leader, *misses - policies[best].misses, present);
  return true;
}
