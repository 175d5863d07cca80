// What a loader's value depends on besides the rows of tables, by its text: the time, settings, the
// role, and functions that are VOLATILE.
//
// For the eyes of who declares a cache; nothing that is served rests on it. What the text does not
// say (dynamic SQL, other languages) is met when it runs (reads.hpp).
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// kRole: as whom the loader runs; kSessionRole: who has connected.
enum class InputKind : uint8 { kTime, kSetting, kRole, kSessionRole, kVolatileFunction };

struct TextInput {
    InputKind kind;
    const char* name;  // now(), app.org_id, CURRENT_USER; a function with its argument types
    Oid function;      // InvalidOid: it is none, or the server's own, or an extension's
};

// "time" and so on.
const char* input_kind_name(InputKind kind);

// Is it part of the key, as the loader sees it: a setting that the cache varies by, its reader?
bool is_in_key(const Definition* definition, const TextInput& input);

// Of TextInput*, each once: of the loader, load_many, load_all, and the functions in SQL and
// PL/pgSQL that they call. As the cache's owner, in the cache's environment. What cannot be read,
// or is wrong, has none.
List* inputs_by_text(const Definition* definition);

}  // namespace cache_ext::pg
