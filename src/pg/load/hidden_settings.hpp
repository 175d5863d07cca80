// Custom settings that only the reader's session has: a loader does not see them.
#pragma once

#include "pg/base/compat.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// A placeholder that only this session has. For the run at hand, the `depth`th, it is unknown,
// as it is elsewhere; if it cannot be made so it looks empty, and whoever looks at it marks the
// run. What the run itself sets is seen in it.
void hide_setting(config_generic* v, int depth);
// Those as well that the session has set once and that have no value any more: it still knows the
// names. Looks at all settings, so it is called only where the innermost run is about to ask for
// one.
void hide_unset_settings();
bool is_hidden_setting(const config_generic* v);
// Has a loader in this process met one that could only be made to look empty? A new process does
// not have it.
bool settings_cannot_be_hidden();
// Is one hidden that parallel workers would see?
bool workers_would_see_hidden();
// What deeper runs have hidden.
void show_settings_again(int depth);
// Have those that look empty stayed what they were? A library that the run has loaded may have
// taken the session's value for a setting of its own.
bool settings_still_hidden();
// After show_settings_again(), where settings may be set: a library that was loaded meanwhile may
// have defined a setting that was hidden, and gets what the session has set.
void hand_over_settings();

// Is it a custom one, which the server and its libraries know nothing of?
bool is_applications(const char* name);

// Did the run at hand set it?
bool set_in_run(const config_generic* v);

// Once, in _PG_init.
void install_hidden_settings();

}  // namespace cache_ext::pg
