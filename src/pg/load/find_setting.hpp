// Settings by name, in the server's own table of them.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/guc_tables.h"
}

namespace cache_ext::pg {

// As the server compares names of settings: without regard to the case of ASCII letters.
int compare_names(const char* a, const char* b);

// nullptr: no such setting.
config_generic* find_setting(const char* name);

}  // namespace cache_ext::pg
