#include "pg/catalog/key_types.hpp"

#include "pg/catalog/key_forms.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"
}

namespace cache_ext::pg {
namespace {

bool is_integer(Oid type) {
    return type == INT2OID || type == INT4OID || type == INT8OID;
}

// Binary-compatible types that go by one operator: text and varchar, oid and regclass, inet and
// cidr.
bool share_equality(Oid a, Oid b) {
    if (a == b) return true;
    const TypeCacheEntry* entry = lookup_type_cache(a, TYPECACHE_EQ_OPR);
    const Oid input =
        OidIsValid(entry->btree_opintype) ? entry->btree_opintype : entry->hash_opintype;
    // One that takes any array, enum or range compares these with their like only.
    if (!OidIsValid(entry->eq_opr) || IsPolymorphicType(input)) return false;
    return entry->eq_opr == lookup_type_cache(b, TYPECACHE_EQ_OPR)->eq_opr;
}

// What a type that nobody can compare consists of, if that is why; otherwise InvalidOid.
Oid inner_type(Oid type) {
    const Oid base = getBaseType(type);
    if (base != type) return base;
    const Oid element = get_element_type(type);
    if (OidIsValid(element)) return element;
    return get_typtype(type) == TYPTYPE_MULTIRANGE ? get_multirange_range(type)
                                                   : get_range_subtype(type);
}

}  // namespace

bool key_type_supported(Oid type) {
    return fixed_bytes(type) >= 0;
}

const char* key_type_hint(Oid type) {
    if (get_typtype(type) == TYPTYPE_DOMAIN && differs_in_collation(type)) {
        return psprintf("The domain has a collation of its own. Use %s, and COLLATE in the loader.",
                        format_type_be(getBaseType(type)));
    }
    const Oid inner = inner_type(type);
    if (OidIsValid(inner) && !key_type_supported(inner)) return key_type_hint(inner);
    switch (type) {
        case JSONOID:
            return "Use jsonb, which has an equality, or text.";
        case XMLOID:
            return "Use text.";
        default:
            break;
    }
    switch (get_typtype(type)) {
        case TYPTYPE_COMPOSITE:
            return "Give each of its columns as an argument of its own.";
        case TYPTYPE_RANGE:
            return "Its operator class is not the default one of its bounds. Give the bounds as "
                   "arguments of their own.";
        case TYPTYPE_BASE:
            return "It has no default operator class for hash indexes whose function is in C. Use "
                   "a "
                   "type that has one, or text, and cast it in the loader.";
        default:
            break;
    }
    return "Use a type that has an equality of its own: numbers, text, dates and times, uuid, "
           "boolean, enums, bytea, jsonb, network addresses, and arrays, ranges and domains of "
           "these.";
}

// Integers of other widths are the same number as a Datum, and so have the same bytes, once they
// are those of the key: a column's value that does not fit names a key that nobody asks for, or
// another one, too.
bool equal_as_keys(Oid type, Oid key_type) {
    type = getBaseType(type);
    key_type = getBaseType(key_type);
    return (is_integer(type) && is_integer(key_type)) || share_equality(type, key_type);
}

}  // namespace cache_ext::pg
