// A strategy: looks at what was measured once a tick, and proposes settings. This one grows the cache while it evicts:
// replace what `tick` decides with an idea of your own.
//
// Memory: wit-bindgen allocates every list and string that the host returns, and the caller frees it. What an export returns
// is freed by the generated code after the call, so that it has to come from malloc, too.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_strategy.h"

#define DIAL "cache-capacity"

void exports_cache_strategy_describe(cache_strategy_description_t *ret) {
  memset(ret, 0, sizeof *ret);
  cache_strategy_string_dup(&ret->name, "{{name}}");
  cache_strategy_string_dup(&ret->version, "0.1.0");
  cache_strategy_string_dup(&ret->summary, "Grows the cache while it evicts");
  ret->dials.ptr = calloc(1, sizeof *ret->dials.ptr);
  if (!ret->dials.ptr) abort();  // the host disables the strategy and says why
  ret->dials.len = 1;
  cache_strategy_string_dup(&ret->dials.ptr[0], DIAL);
}

bool exports_cache_strategy_tick(cache_strategy_tick_info_t *info, cache_strategy_tick_error_t *err) {
  (void)info;
  (void)err;  // this strategy has nothing that it cannot cope with
  optimizer_plugin_metrics_cache_metrics_t now;
  optimizer_plugin_metrics_cache(&now);
  uint64_t evictions = now.window_evictions, capacity = now.capacity_bytes;
  optimizer_plugin_metrics_cache_metrics_free(&now);
  if (evictions == 0) return true;

  optimizer_plugin_cache_control_acceptance_t accepted;
  optimizer_plugin_cache_control_control_error_t refused;
  if (!optimizer_plugin_cache_control_propose_capacity(capacity / 4 * 5, &accepted, &refused)) {
    // Another strategy may have more priority, or the dial may be cooling down: no error of this one.
    optimizer_plugin_cache_control_control_error_free(&refused);
    return true;
  }
  char reason[64];
  snprintf(reason, sizeof reason, "%llu evictions", (unsigned long long)evictions);
  cache_strategy_string_t dial, why;
  cache_strategy_string_set(&dial, DIAL);
  cache_strategy_string_set(&why, reason);
  optimizer_plugin_dials_explain(&dial, &why);
  return true;
}
