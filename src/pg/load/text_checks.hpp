// What loaders in PL/pgSQL ask of the session by expressions that no plan is started for: by the
// texts of the functions that a load has called.
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// What was found to ask, and for which setting; nullptr: for none, or its name is computed. Lives
// as long as the analysis.
struct Asked {
    Oid function = InvalidOid;
    const char* setting = nullptr;
};

// kSessionInput: one of these functions in PL/pgSQL, or the loader, or what they call, asks for a
// setting or a role that the key does not tell; *asked: that function. kOutdatedPath: it cannot
// be found out just now. kNone: nothing. The analysis is kept until something changes that names of
// functions depend on. Only for who has received all messages.
core::Bypass text_asks_of_session(const Definition* definition, List* functions, Asked* asked);

}  // namespace cache_ext::pg
