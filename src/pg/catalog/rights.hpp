// What the current user may do with a cache. Each of these is asked anew in every call, unless it
// says otherwise; none takes a lock that writers take.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// ERROR 42883 if the accessor was dropped or renamed, 42501 if another role's has taken its name;
// require_execute and require_owner check that first.
void require_accessor(const Definition* definition);
// ERROR 42704 for a definition that can only be dropped.
void require_intact(const Definition* definition);
// ERROR 42501 unless the current user may execute the accessor. Cheap for who asked last, as long
// as definitions_generation() stands.
void require_execute(const Definition* definition);
// ERROR 42501 unless the current user owns the accessor.
void require_owner(const Definition* definition);

// Is it the current user's, or that of a role that he is a member of?
bool is_owners(const Definition* definition);
// May the current user see this cache's keys and what only its owner should know?
bool may_see(const Definition* definition);

}  // namespace cache_ext::pg
