// The settings under which code of a cache's owner runs: those of a new session of the owner in
// this database, and the pinned ones on top, and those that the cache varies by.
#pragma once

#include "pg/load/session_inputs.hpp"

extern "C" {
#include "utils/guc.h"
#include "utils/guc_tables.h"
}

namespace cache_ext::pg {

// For the run at hand, the `depth`th: until the settings' nest level ends. Only what differs is
// set.
void set_environment(const Definition* definition, const FromReader& passed, int depth);

// Could this setting of a session change what a loader returns? Unknown ones could.
bool harmless_setting(const char* name);

// Does a run see the session's value of it? Settings that change no result are left alone.
bool left_to_session(const char* name);

// What a setting is when neither database, role nor session have a say: as the server was started,
// as its files have it now, or nullptr if neither says anything. *known = false: the files could
// not be read.
const char* server_setting(const char* name, bool* known);
// In the postmaster, once: notes what was given when the server was started.
void note_start_settings();

// What ALTER ROLE and ALTER DATABASE have set for sessions of `owner` in this database.
struct RoleSetting {
    const char* name;
    const char* value;
};
struct RoleSettings {
    const RoleSetting* all;
    int count;
};
// Looked up once in a statement, command or subtransaction; good until asked for another one.
RoleSettings role_settings(Oid owner);
// Somebody may have changed them: they are looked up again.
void forget_role_settings();

}  // namespace cache_ext::pg
