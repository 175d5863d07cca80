// Running a loader: as the accessor's owner, read-only, with every setting that changes results as
// it was when the cache was declared, under the reader's own snapshot.
#pragma once

#include "pg/definitions.hpp"

namespace cache_ext::pg {

struct Loaded {
    Datum value = 0;  // in the caller's memory context, detoasted
    bool is_null = true;
    uint32 load_us = 0;
};

// ERROR if the loader is missing, has changed, or may not be executed by the owner; the loader's
// own errors pass unchanged.
Loaded run_loader(const Definition* definition, const Datum* arguments, const bool* nulls);

// The role and the settings under which code of a cache's owner runs. An error between enter and
// leave needs no care: (sub)transaction abort restores both.
struct OwnerScope {
    Oid user;
    int security;
    int nest;
};
void enter_owner(const Definition* definition, OwnerScope* scope);
void leave_owner(const OwnerScope& scope);

// Does such a scope surround us, whether what is loaded there will be published or not?
bool inside_loader();
// ERROR 25006 in such a scope: `what` writes, and a loader only reads.
void forbid_in_loader(const char* what);

// Settings whose current values cache_create pins: name=value texts.
List* settings_to_pin();
// Is this name=value text one of them?
bool may_pin(const char* setting);

}  // namespace cache_ext::pg
