// What current_setting() and SHOW tell a loader of settings that every session has and that cannot
// be set for its time: who the session is.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Is it one of those?
bool is_shown_setting(const char* name);

// Once, in _PG_init.
void install_shown_settings();

}  // namespace cache_ext::pg
