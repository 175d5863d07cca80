#include "pg/catalog/trusted_functions.hpp"

#include "pg/base/functions.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/array.h"
}

namespace cache_ext::pg {

bool is_remembered(Oid function, const TrustedFunction& remembered) {
    if (!OidIsValid(function)) return false;
    return function == remembered.function || owner_of_function(function) == remembered.owner;
}

bool may_run_as(Oid function, const TrustedFunction& remembered, Oid owner) {
    if (is_remembered(function, remembered)) return true;
    const Oid theirs = owner_of_function(function);
    return OidIsValid(theirs) && OidIsValid(owner) && has_privs_of_role(theirs, owner);
}

Datum trusted_to_array(const TrustedFunctions& functions) {
    Datum oids[kTrusted * 2];
    for (size_t i = 0; i < kTrusted; ++i) {
        oids[i * 2] = ObjectIdGetDatum(functions.of[i].function);
        oids[i * 2 + 1] = ObjectIdGetDatum(functions.of[i].owner);
    }
    return PointerGetDatum(
        construct_array(oids, kTrusted * 2, OIDOID, sizeof(Oid), true, TYPALIGN_INT));
}

bool trusted_from_array(Datum array, TrustedFunctions* out) {
    Datum* oids;
    bool* nulls;
    int count;
    deconstruct_array(DatumGetArrayTypeP(array), OIDOID, sizeof(Oid), true, TYPALIGN_INT, &oids,
                      &nulls, &count);
    *out = {};
    if (count != kTrusted * 2) return false;
    for (size_t i = 0; i < kTrusted; ++i) {
        if (nulls[i * 2] || nulls[i * 2 + 1]) return false;
        out->of[i] = {DatumGetObjectId(oids[i * 2]), DatumGetObjectId(oids[i * 2 + 1])};
    }
    return true;
}

}  // namespace cache_ext::pg
