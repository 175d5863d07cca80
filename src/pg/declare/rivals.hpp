// Functions and types beside a new one of the same name in the same schema: also those that others
// are making at this moment.
//
// Two sessions that make such a pair do not see each other's rows until one of them commits, and
// then it is too late. So whoever makes a name looks for rivals after his row is in the catalog,
// and he looks at rows that are not committed, too: of two, at least the one who looks last sees
// the other's, be he prepared or the script of CREATE EXTENSION. There is no lock to take in time,
// to keep over PREPARE TRANSACTION, or to agree about before the extension exists; the rows are
// there anyway, as long as the transaction may commit.
#pragma once

#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

// Whose rivals: a function's are functions and types, a type's are functions. Row types are none.
struct Rivals {
    const char* name;
    Oid schema;
    Oid but;  // the function or type itself
    bool is_type;
};

enum class RivalOf : int { kNobody, kAnybody, kCache, kExtension };
struct Rival {
    RivalOf of;  // kNobody: there is none; kAnybody: not of the extension
    Oid oid;
    bool is_type;
};

// The extension in that schema, even if it is not committed; InvalidOid: it is not there.
Oid extension_in(Oid schema);

// ERROR 55P03 if another transaction is making a rival: it would be there when that one commits.
void require_no_rival_in_progress(const Rivals& rivals);

// To be called after that: transactions that have ended meanwhile are seen here. Of several rivals
// the one that counts most.
Rival find_rival(const Rivals& rivals, Oid extension);
// ERROR 42723 or 42710 if there is one that is no member of `extension`.
void require_no_rival(const Rivals& rivals, Oid extension);

}  // namespace cache_ext::pg
