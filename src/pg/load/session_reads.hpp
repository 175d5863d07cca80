// What a load asks of the session that is no part of its cache's key: settings, who has connected.
//
// Read from the plans that it starts, so for functions that were inlined, policies, and statements
// that no text shows as well. What PL/pgSQL evaluates without one of these is told by its
// functions' texts (text_checks.hpp).
#pragma once

#include "pg/load/running_load.hpp"

extern "C" {
#include "nodes/plannodes.h"
#include "nodes/primnodes.h"
}

namespace cache_ext::pg {

// The setting that a call of current_setting() asks for, if its name is a constant; else nullptr.
const char* asked_setting(const FuncExpr* call);
// Does the function say what a setting is?
bool asks_for_setting(Oid function);

// What keeps values of the cache from being published that depend on it. nullptr: a setting whose
// name is not known.
bool is_unnamed_setting(const Definition* definition, const char* name);
bool is_unnamed_session_user(const Definition* definition);

// SHOW in a load, if one is running: ALL for all.
void note_show(const char* name);
// A plan is started in the innermost load.
void note_session_reads(const PlannedStmt* statement);

}  // namespace cache_ext::pg
