// What a loader's value depends on besides the rows of tables, by its text: the time, settings, the
// role, what tells of the session, and functions that are VOLATILE.
//
// For who declares a cache, and for what PL/pgSQL evaluates without a query (text_checks.hpp). What
// else the text does not say (dynamic SQL, other languages) is met when it runs (reads.hpp).
#pragma once

#include "pg/catalog/definitions.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// kRole: as whom the loader runs; kSessionRole: who has connected; kSession: a function of the
// server's that tells of the session, or of the server.
enum class InputKind : uint8 { kTime, kSetting, kRole, kSessionRole, kSession, kVolatileFunction };

struct TextInput {
    InputKind kind;
    // now(), app.org_id, CURRENT_USER; a function with its argument types; nullptr: a setting whose
    // name is computed.
    const char* name;
    Oid function;  // InvalidOid: it is none, or an extension's, or, if VOLATILE, the server's own
};

// "time" and so on.
const char* input_kind_name(InputKind kind);
// For people to read.
const char* input_name(const TextInput& input);

// Is it part of the key, as the loader sees it: a setting that the cache varies by, its reader?
bool is_in_key(const Definition* definition, const TextInput& input);
// A setting, or who has connected, of which the cache does not say what becomes of it.
bool is_unnamed(const Definition* definition, const TextInput& input);

// Of TextInput*, each once: of the loader, load_many, load_all, `more` (Oids), and the functions in
// SQL and PL/pgSQL that they call; where it runs as its readers, of the policies of the tables,
// too, whoever they are for. As the cache's owner, in the cache's environment. What cannot be read,
// or is wrong, has none, but a text that has the words in it asks for who knows what. *functions:
// the Oids of all that were looked at, unless nullptr.
List* inputs_by_text(const Definition* definition, List* more, List** functions);

}  // namespace cache_ext::pg
