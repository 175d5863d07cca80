// Which errors say something about the loader.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Errors that come from the session, the machine or the moment, not from rows and arguments. A
// loader that catches one returns what it would not have returned elsewhere; of one that is ended
// by it others need not hear.
bool made_by_session(int code);
}  // namespace cache_ext::pg
