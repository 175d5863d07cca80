#include "pg/declare/groups.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/group_tags.hpp"
#include "pg/catalog/option_table.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/declare/ddl.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "port/pg_bitutils.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

[[noreturn]] void no_group(const char* fault) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("these are no groups: %s", fault),
             errhint("%s", option_info(Option::kGroups).hint)));
    pg_unreachable();
}

// Is that a tag that entries have without groups, too?
bool has_without_groups(const Definition* d, ColumnMask mask) {
    const int i = find_mask(d, mask, {});
    return i < 0 ? d->full_mask(mask) : (d->group_only >> i & 1) == 0;
}

// These take the place of the groups that are there.
void check_room(const Definition* there, const KeyGroup* groups, int count) {
    if (there == nullptr) return;
    int tags = there->mask_count - pg_popcount32(there->group_only);
    for (int i = 0; i < count; ++i) {
        const ColumnMask mask = groups[i].mask;
        const bool again =
            std::any_of(groups, groups + i, [mask](const KeyGroup& g) { return g.mask == mask; });
        if (!again && !has_without_groups(there, mask)) ++tags;
    }
    if (tags <= kMaxMasks) return;
    ereport(ERROR,
            (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
             errmsg("values of cache \"%s\" would have more than %d tags", there->name, kMaxMasks),
             errdetail("They have one for each set of key columns that a dependency or a "
                       "group has.")));
}

}  // namespace

const char* stored_groups(const char* literal, int columns, const char* const* names,
                          const Definition* there) {
    const Datum array = OidFunctionCall3(F_ARRAY_IN, CStringGetDatum(literal),
                                         ObjectIdGetDatum(TEXTOID), Int32GetDatum(-1));
    List* texts = option_texts(array, "groups");
    auto* groups = make_array<KeyGroup>(static_cast<size_t>(list_length(texts)));
    List* stored = NIL;
    int count = 0;
    ListCell* cell;
    foreach (cell, texts) {
        KeyGroup& group = groups[count];
        const char* fault =
            read_group(static_cast<const char*>(lfirst(cell)), columns, names, &group);
        if (fault != nullptr) no_group(fault);
        for (int i = 0; i < count; ++i) {
            if (strcmp(groups[i].name, group.name) == 0) {
                no_group(psprintf("\"%s\" is there twice", group.name));
            }
        }
        ++count;
        stored = lappend(stored, stored_group(group));
    }
    check_room(there, groups, count);
    return count == 0 ? nullptr : array_literal(stored);
}

const char* const* key_names_of(const Definition* d) {
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(d->accessor));
    if (!HeapTupleIsValid(tuple)) return nullptr;
    Oid* types;
    char** names;
    char* modes;
    const int count = get_func_arg_info(tuple, &types, &names, &modes);
    ReleaseSysCache(tuple);
    return names != nullptr && count >= d->columns ? names : nullptr;
}

}  // namespace cache_ext::pg
