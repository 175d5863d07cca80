#include "pg/declare/named_bounds.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/virtual_columns.hpp"
#include "pg/declare/named_columns.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kInstant = 4;
constexpr int kSince = 5;
constexpr int kUntil = 6;
constexpr int kEnds = 7;

[[noreturn]] void incomplete(const char* what, const char* hint) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s", what), errhint("%s", hint)));
    pg_unreachable();
}

char* text_argument(FunctionCallInfo fcinfo, int i) {
    return PG_ARGISNULL(i) ? nullptr : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

// $1 and so on: arguments need no names.
int place_in_text(const char* name) {
    if (name[0] != '$' || name[1] < '1' || name[1] > '9' || strlen(name) > 3) return 0;
    return atoi(name + 1);
}

// The accessor's arguments are called as the loader's. 0: none is.
int place_by_name(const Definition* d, const char* name) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(d->accessor));
    if (!HeapTupleIsValid(tuple)) return 0;
    Oid* types;
    char** names;
    char* modes;
    const int count = get_func_arg_info(tuple, &types, &names, &modes);
    int place = 0;
    for (int i = 0; names != nullptr && i < count && i < d->columns; ++i) {
        if (strcmp(names[i], name) == 0) place = i + 1;
    }
    ReleaseSysCache(tuple);
    return place;
}

// 0: it is not given.
uint8 bound_argument(FunctionCallInfo fcinfo, int i, const Definition* d) {
    const char* name = text_argument(fcinfo, i);
    if (name == nullptr) return 0;
    int place = place_by_name(d, name);
    if (place == 0) place = place_in_text(name);
    if (place >= 1 && place <= d->columns) return static_cast<uint8>(place);
    ereport(ERROR, (errcode(ERRCODE_UNDEFINED_COLUMN),
                    errmsg("cache \"%s\" has no key column \"%s\"", d->name, name),
                    errhint("since and until name arguments of the loader; $1 is the first one.")));
    pg_unreachable();
}

void check_instant(const Definition* d, Oid relation, const char* name, int key_column) {
    if (key_column == 0) return;
    const AttrNumber column = get_attnum(relation, name);
    if (column <= 0) no_column(relation, name);
    if (is_virtual(relation, column)) virtual_column(relation, name, "Name one of these.");
    const Oid type = getBaseType(get_atttype(relation, column));
    const Oid key_type = d->key_types[key_column - 1];
    if (gives_instants(type, key_type)) return;
    ereport(ERROR,
            (errcode(ERRCODE_DATATYPE_MISMATCH),
             errmsg("column \"%s\" of relation \"%s\" is of type %s, but key column %d of cache "
                    "\"%s\" is of type %s",
                    name, get_rel_name(relation), format_type_be(type), key_column, d->name,
                    format_type_be(key_type)),
             errdetail("What lies between two instants is known for integers; for timestamp with "
                       "time zone; and for date and timestamp, which no time zone moves."),
             errhint("Use a loader whose argument has the column's type.")));
}

}  // namespace

bool says_instant(FunctionCallInfo fcinfo) {
    return !PG_ARGISNULL(kInstant) || !PG_ARGISNULL(kSince) || !PG_ARGISNULL(kUntil);
}

Bounds named_bounds(FunctionCallInfo fcinfo, const Definition* d, Oid relation) {
    const char* instant = text_argument(fcinfo, kInstant);
    const char* ends = text_argument(fcinfo, kEnds);
    Bounds bounds = {};
    if (ends == nullptr || !read_ends(ends, &bounds)) {
        incomplete("bounds must be [), [], () or (]",
                   "The brackets say whether since and until themselves belong to it.");
    }
    bounds.since = bound_argument(fcinfo, kSince, d);
    bounds.until = bound_argument(fcinfo, kUntil, d);
    if (instant == nullptr || !bounds.any()) {
        incomplete("an instant lies between other things",
                   "Name the relation's column by instant, and by since and until, or one of "
                   "these, the arguments of the loader between which it lies.");
    }
    if (bounds.since == bounds.until) {
        incomplete("since and until name the same argument",
                   "What is equal to an argument is said by key.");
    }
    check_instant(d, relation, instant, bounds.since);
    check_instant(d, relation, instant, bounds.until);
    return bounds;
}

ArrayType* with_instant(FunctionCallInfo fcinfo, const Definition* d, ArrayType* key,
                        const Bounds& bounds) {
    const Datum instant = CStringGetTextDatum(text_argument(fcinfo, kInstant));
    Datum* names = nullptr;
    bool* nulls = nullptr;
    int count = 0;
    if (key != nullptr) {
        check_dimensions(key, "key");
        deconstruct_array(key, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
    }
    const int others = d->columns - (bounds.since != 0) - (bounds.until != 0);
    if (count != 0 && count != d->columns && count != others) return key;  // is refused
    auto* all = make_array<Datum>(static_cast<size_t>(d->columns));
    auto* none = make_array<bool>(static_cast<size_t>(d->columns));
    int next = 0;  // of key
    for (int i = 0; i < d->columns; ++i) {
        if (bounds.name(i)) {
            if (count == d->columns && !nulls[next++]) {
                incomplete(psprintf("key maps key column %d, which since or until names", i + 1),
                           "Leave it out, or say NULL there.");
            }
            all[i] = instant;
            continue;
        }
        none[i] = count == 0 || nulls[next];
        if (!none[i]) all[i] = names[next];
        if (count != 0) ++next;
    }
    int size = d->columns;
    int first = 1;
    return construct_md_array(all, none, 1, &size, &first, TEXTOID, -1, false, TYPALIGN_INT);
}

[[noreturn]] void no_expressions_with_instant() {
    ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                    errmsg("keys that are expressions cannot be bounded by instants"),
                    errhint("Name columns in key, or leave instant out.")));
    pg_unreachable();
}

}  // namespace cache_ext::pg
