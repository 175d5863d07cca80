#include "pg/catalog/standing.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/key_types.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rls.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace cache_ext::pg {
namespace {

// Numbers of columns by name, 0 for a null and for one that is not there.
ArrayType* numbers_of(Oid relation, ArrayType* names) {
    Datum* items;
    bool* nulls;
    int n;
    deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
    for (int i = 0; i < n; ++i) {
        const AttrNumber number =
            nulls[i] ? InvalidAttrNumber : get_attnum(relation, TextDatumGetCString(items[i]));
        items[i] = Int16GetDatum(number);
    }
    return construct_array(items, n, INT2OID, sizeof(int16), true, TYPALIGN_SHORT);
}

// The value of a setting in a function's list of these; nullptr: it is not there.
char* value_in(ArrayType* settings, const char* name) {
    Datum* items;
    int n;
    deconstruct_array(settings, TEXTOID, -1, false, TYPALIGN_INT, &items, nullptr, &n);
    for (int i = 0; i < n; ++i) {
        char* pair = TextDatumGetCString(items[i]);
        const size_t length = strlen(name);
        if (strncmp(pair, name, length) == 0 && pair[length] == '=') return pair + length + 1;
    }
    return nullptr;
}

// The search_path that the loader runs with: its own, or that of the cache. nullptr: not known.
char* search_path_of(const Definition* d) {
    constexpr const char* kName = "search_path";
    HeapTuple tuple =
        OidIsValid(d->loader) ? SearchSysCache1(PROCOID, ObjectIdGetDatum(d->loader)) : nullptr;
    char* own = nullptr;
    if (HeapTupleIsValid(tuple)) {
        bool null;
        const Datum settings = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_proconfig, &null);
        if (!null) own = value_in(DatumGetArrayTypeP(settings), kName);
        ReleaseSysCache(tuple);
    }
    for (int i = 0; own == nullptr && i < d->setting_count; ++i) {
        if (strcmp(d->settings[i].name, kName) == 0) own = pstrdup(d->settings[i].value);
    }
    return own;
}

}  // namespace

Oid meant_by_name(const Definition* d, Oid relation) {
    const char* name = get_rel_name(relation);
    char* path = search_path_of(d);
    List* schemas;
    if (name == nullptr || path == nullptr || !SplitIdentifierString(path, ',', &schemas)) {
        return InvalidOid;
    }
    const auto is = [](const void* item, const char* text) {
        return strcmp(static_cast<const char*>(item), text) == 0;
    };
    ListCell* cell;
    bool catalog = false;
    foreach (cell, schemas) catalog = catalog || is(lfirst(cell), "pg_catalog");
    if (!catalog) schemas = lcons(pstrdup("pg_catalog"), schemas);
    foreach (cell, schemas) {
        const auto* schema = static_cast<const char*>(lfirst(cell));
        if (is(schema, "pg_temp")) continue;
        if (is(schema, "$user")) schema = GetUserNameFromId(d->owner, true);
        const Oid space = schema != nullptr ? get_namespace_oid(schema, true) : InvalidOid;
        if (!OidIsValid(space) ||
            object_aclcheck(NamespaceRelationId, space, d->owner, ACL_USAGE) != ACLCHECK_OK) {
            continue;
        }
        const Oid found = get_relname_relid(name, space);
        if (OidIsValid(found)) return found;
    }
    return InvalidOid;
}

ArrayType* qualified_name(Oid relation) {
    const char* name = get_rel_name(relation);
    const char* schema =
        name != nullptr ? get_namespace_name(get_rel_namespace(relation)) : nullptr;
    if (schema == nullptr) return nullptr;
    Datum parts[] = {CStringGetTextDatum(schema), CStringGetTextDatum(name)};
    return construct_array(parts, 2, TEXTOID, -1, false, TYPALIGN_INT);
}

char* name_as_sql(ArrayType* name) {
    Datum* parts;
    bool* nulls;
    int n;
    deconstruct_array(name, TEXTOID, -1, false, TYPALIGN_INT, &parts, &nulls, &n);
    if (n != 2 || nulls[0] || nulls[1]) return pstrdup("?");
    return quote_qualified_identifier(TextDatumGetCString(parts[0]), TextDatumGetCString(parts[1]));
}

const char* relation_as_sql(Oid relation) {
    ArrayType* name = qualified_name(relation);
    return name != nullptr ? name_as_sql(name) : "?";
}

HeapTuple remember_meaning(Relation table, HeapTuple row, const Definition* d) {
    const TupleDesc desc = RelationGetDescr(table);
    const auto column = [&](const char* name, bool* null) {
        return SPI_getbinval(row, desc, SPI_fnumber(desc, name), null);
    };
    bool null;
    const Oid relation = DatumGetObjectId(column("relation", &null));
    if (null) return row;  // whoever checks the row refuses it
    ArrayType* name = qualified_name(relation);
    if (name == nullptr) name = construct_empty_array(TEXTOID);
    int places[] = {SPI_fnumber(desc, "declared_as"), SPI_fnumber(desc, "key_numbers"),
                    SPI_fnumber(desc, "column_numbers"), SPI_fnumber(desc, "by_name")};
    Datum values[] = {PointerGetDatum(name), 0, 0,
                      BoolGetDatum(d == nullptr || meant_by_name(d, relation) == relation)};
    bool nulls[4] = {};
    const char* sources[] = {nullptr, "key", "columns"};
    for (int i = 1; i < 3; ++i) {
        const Datum names = column(sources[i], &nulls[i]);
        if (nulls[i]) continue;
        values[i] = PointerGetDatum(numbers_of(relation, DatumGetArrayTypeP(names)));
    }
    return heap_modify_tuple_by_cols(row, desc, 4, places, values, nulls);
}

Lapse lapse_of(Oid relation, ArrayType* declared_as) {
    ArrayType* name = qualified_name(relation);
    if (name == nullptr) return Lapse::kDropped;
    return strcmp(name_as_sql(name), name_as_sql(declared_as)) == 0 ? Lapse::kNone
                                                                    : Lapse::kRenamed;
}

bool has_foreign_part(Oid relation) {
    ListCell* cell;
    foreach (cell, find_all_inheritors(relation, NoLock, nullptr)) {
        if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_FOREIGN_TABLE) return true;
    }
    return false;
}

bool has_policies_for(Oid relation, Oid role) {
    return OidIsValid(role) && check_enable_rls(relation, role, true) == RLS_ENABLED;
}

bool is_being_detached_from(Oid relation) {
    ListCell* cell;
    foreach (cell, find_all_inheritors(relation, NoLock, nullptr)) {
        if (get_rel_relkind(lfirst_oid(cell)) != RELKIND_PARTITIONED_TABLE) continue;
        bool pending = false;
        find_inheritance_children_extended(lfirst_oid(cell), false, NoLock, &pending, nullptr);
        if (pending) return true;
    }
    return false;
}

bool resolve_columns(Oid declared, Oid relation, ArrayType* names, ArrayType* numbers,
                     AttrNumber* out, int capacity, int* count) {
    Datum* name;
    bool* nulls;
    Datum* number;
    int n;
    deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &name, &nulls, count);
    deconstruct_array(numbers, INT2OID, sizeof(int16), true, TYPALIGN_SHORT, &number, nullptr, &n);
    if (*count > capacity || n != *count) return false;
    for (int i = 0; i < n; ++i) {
        out[i] = InvalidAttrNumber;
        if (nulls[i]) continue;
        const char* column = TextDatumGetCString(name[i]);
        const AttrNumber now = get_attnum(declared, column);
        if (now <= 0 || now != DatumGetInt16(number[i])) return false;
        out[i] = relation == declared ? now : get_attnum(relation, column);
        if (out[i] == InvalidAttrNumber) return false;
    }
    return true;
}

bool columns_exist(Oid relation, ArrayType* names) {
    Datum* items;
    bool* nulls;
    int n;
    deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
    for (int i = 0; i < n; ++i) {
        if (!nulls[i] && get_attnum(relation, TextDatumGetCString(items[i])) <= 0) return false;
    }
    return true;
}

bool means_any_column(Oid relation, ArrayType* names) {
    Datum* items;
    bool* nulls;
    int n;
    deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &items, &nulls, &n);
    return n == 1 && !nulls[0] && strcmp(TextDatumGetCString(items[0]), "*") == 0 &&
           get_attnum(relation, "*") == InvalidAttrNumber;
}

int all_columns_of(Oid declared, Oid relation, AttrNumber* out) {
    int count = 0;
    for (AttrNumber i = 1;; ++i) {
        HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(declared), Int16GetDatum(i));
        if (!HeapTupleIsValid(tuple)) return count;
        auto* attribute = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
        const AttrNumber number = attribute->attisdropped
                                      ? InvalidAttrNumber
                                      : get_attnum(relation, NameStr(attribute->attname));
        ReleaseSysCache(tuple);
        if (number != InvalidAttrNumber) out[count++] = number;
    }
}

bool gives_key(Oid relation, AttrNumber column, Oid key_type) {
    Oid type, collation;
    int32 modifier;
    get_atttypetypmodcoll(relation, column, &type, &modifier, &collation);
    return equal_as_keys(getBaseType(type), key_type) &&
           (!OidIsValid(collation) || get_collation_isdeterministic(collation));
}

}  // namespace cache_ext::pg
