// The settings that are pinned when a cache is declared.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Is this name=value text one of them?
bool may_pin(const char* setting);
// The names, from 0 on; nullptr: there are no more.
const char* pinned_setting(int i);

}  // namespace cache_ext::pg
