#include "pg/catalog/definition_row.hpp"

#include <cmath>

#include "pg/catalog/aggregates.hpp"
#include "pg/catalog/collations.hpp"
#include "pg/catalog/group_tags.hpp"
#include "pg/base/functions.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/option_table.hpp"
#include "pg/catalog/pinned_settings.hpp"
#include "pg/catalog/row_shape.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/catalog/key_types.hpp"

extern "C" {
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/array.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/builtins.h"
#include "utils/syscache.h"
#include "utils/varlena.h"
}

namespace cache_ext::pg {
namespace {

enum {
    kName,
    kId,
    kLoader,
    kKeyTypes,
    kValueType,
    kFirstOption,
    kSettings = kFirstOption + kOptions,
    kFunctions,
    kDependencies,
    kAggregate,
    kDefinitionColumns
};

constexpr int column_of(Option option) {
    return kFirstOption + static_cast<int>(option);
}

// The columns, in order.
const ExpectedColumn* expected_columns() {
    static ExpectedColumn columns[kDefinitionColumns] = {
        {"name", TEXTOID},          {"id", INT8OID},
        {"loader", TEXTOID},        {"key_types", REGTYPEARRAYOID},
        {"value_type", REGTYPEOID},
    };
    for (int i = 0; i < kOptions; ++i) {
        const OptionInfo& option = option_info(static_cast<Option>(i));
        columns[kFirstOption + i] = {option.name, option.type_oid};
    }
    columns[kSettings] = {"settings", TEXTARRAYOID};
    columns[kFunctions] = {"functions", OIDARRAYOID};
    columns[kDependencies] = {"dependencies", INT4OID};
    columns[kAggregate] = {"aggregate", INT8OID};
    return columns;
}

constexpr size_t kMaxNameBytes = 53;  // cache_get_ and this fit into an identifier

// The first thing that is wrong counts.
void is_broken(Definition* d, const char* why) {
    if (d->broken == nullptr) d->broken = why;
}

void is_out_of_range(Definition* d, Option option) {
    is_broken(d, psprintf("its %s is out of range", option_info(option).name));
}

// What stands in the row, or what a null means.
int64 checked_ms(const Row& row, Option option, int64 if_null, Definition* d) {
    const int column = column_of(option);
    if (row.nulls[column]) return if_null;
    const int64 ms = interval_ms(DatumGetIntervalP(row.values[column]));
    if (!in_range(option_info(option), ms)) is_out_of_range(d, option);
    return ms;
}

bool one_dimension(Datum array, bool with_nulls) {
    ArrayType* a = DatumGetArrayTypeP(array);
    return ARR_NDIM(a) <= 1 && (with_nulls || !array_contains_nulls(a));
}

void read_types(const Row& row, Definition* d) {
    Datum* types;
    bool* nulls;
    int count;
    deconstruct_array(DatumGetArrayTypeP(row.values[kKeyTypes]), REGTYPEOID, sizeof(Oid), true,
                      TYPALIGN_INT, &types, &nulls, &count);
    if (count > kMaxKeyColumns || !one_dimension(row.values[kKeyTypes], false)) {
        is_broken(d, "its key is no list of types");
        count = 0;
    }
    d->columns = count;
    for (int i = 0; i < count; ++i) {
        d->key_types[i] = DatumGetObjectId(types[i]);
        if (!key_type_supported(d->key_types[i])) {
            is_broken(d, "a type of its key cannot be part of a key");
        }
    }
    d->value_type = DatumGetObjectId(row.values[kValueType]);
    const char kind = get_typtype(d->value_type);
    if (kind == '\0') {
        is_broken(d, "its value type was dropped");
    } else if (kind == TYPTYPE_PSEUDO || !get_typisdefined(d->value_type)) {
        is_broken(d, "its value type is none that values can have");
    }
    d->value_is_base = kind == TYPTYPE_BASE && !OidIsValid(get_element_type(d->value_type));
    if (d->broken == nullptr) {
        get_typlenbyval(d->value_type, &d->value_length, &d->value_by_value);
    }
}

// "schema"."name", as it is stored; false if it is not of that form.
bool split_name(const char* stored, char** schema, char** name) {
    List* names;
    if (!SplitIdentifierString(pstrdup(stored), '.', &names) || list_length(names) != 2) {
        return false;
    }
    *schema = static_cast<char*>(linitial(names));
    *name = static_cast<char*>(lsecond(names));
    return true;
}

void read_accessor(Oid schema, const TrustedFunctions& remembered, bool trust, Definition* d) {
    char name[NAMEDATALEN];
    snprintf(name, sizeof(name), "cache_get_%.*s", NAMEDATALEN - 11, d->name);
    d->declared_owner = trust ? remembered[Trusted::kAccessor].owner : InvalidOid;
    const Oid function = find_function(schema, name, d->columns, d->key_types);
    if (!OidIsValid(function)) return;
    if (trust && !is_remembered(function, remembered[Trusted::kAccessor])) {
        d->accessor_taken = true;
        return;
    }
    if (get_func_rettype(function) != d->value_type) {
        is_broken(d, "its accessor returns another type than its values have");
        return;
    }
    d->accessor = function;
    d->owner = owner_of_function(function);
}

void read_loader_name(const Row& row, const TrustedFunctions& remembered, bool trust,
                      Definition* d) {
    d->loader_collation = natural_collation(d->columns, d->key_types);
    d->loader_name = row.string(kLoader);
    if (d->loader_name == nullptr) return;
    char *schema_name, *name;
    if (!split_name(d->loader_name, &schema_name, &name)) {
        is_broken(d, "its loader is no name of a function");
        return;
    }
    const Oid schema = get_namespace_oid(schema_name, true);
    const Oid function =
        OidIsValid(schema) ? find_function(schema, name, d->columns, d->key_types) : InvalidOid;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    if (!HeapTupleIsValid(tuple)) return;
    auto* proc = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
    d->loader = function;
    d->loader_volatile = proc->provolatile == PROVOLATILE_VOLATILE;
    const Oid returned = proc->prorettype;
    const bool good = d->aggregates ? returned == NUMERICARRAYOID || returned == RECORDOID
                                    : returned == d->value_type;
    d->loader_changed = !good || proc->proretset || proc->prokind != PROKIND_FUNCTION;
    ReleaseSysCache(tuple);
    if (d->aggregates && trust) {
        // 0 is none that aggregates, whichever of the two it is.
        const auto made = static_cast<uint64>(DatumGetInt64(row.values[kAggregate]));
        d->loader_changed |= made == 0 || made != fingerprint_of_body(function);
    }
    if (trust && !may_run_as(function, remembered[Trusted::kLoader], d->owner)) {
        d->loader_taken = true;
        d->loader = InvalidOid;
    }
}

Oid read_row_loader(char* stored, const TrustedFunction& remembered, bool trust, bool takes_keys,
                    Definition* d) {
    if (stored == nullptr || d->broken != nullptr) return InvalidOid;
    char *schema, *name;
    if (!split_name(stored, &schema, &name)) {
        is_broken(d, "its load_many or load_all is no name of a function");
        return InvalidOid;
    }
    const Oid function = find_row_loader(stored, row_shape(d), takes_keys);
    return !trust || may_run_as(function, remembered, d->owner) ? function : InvalidOid;
}

// pg_size_bytes raises an error for what it cannot read, and touches nothing but memory.
bool read_size(Datum size, int64* bytes) {
    MemoryContext context = CurrentMemoryContext;
    volatile bool readable = true;
    PG_TRY();
    { *bytes = DatumGetInt64(DirectFunctionCall1(pg_size_bytes, size)); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION) PG_RE_THROW();
        FlushErrorState();
        readable = false;
    }
    PG_END_TRY();
    return readable;
}

void read_refresh_beta(const Row& row, Definition* d) {
    d->refresh_beta = 0;
    if (row.nulls[column_of(Option::kRefreshBeta)]) return;
    const double beta = DatumGetFloat8(row.values[column_of(Option::kRefreshBeta)]);
    if (!is_beta(beta)) {
        is_out_of_range(d, Option::kRefreshBeta);
    } else if (d->ttl_ms > 0 && d->loader_name != nullptr) {
        d->refresh_beta = static_cast<uint32>(std::lround(beta * 1000));
    }
}

void read_times(const Row& row, Definition* d) {
    d->ttl_ms = checked_ms(row, Option::kTtl, -1, d);
    d->null_ttl_ms = checked_ms(row, Option::kNullTtl, -1, d);
    d->ttl_min_ms = checked_ms(row, Option::kTtlMin, d->ttl_ms, d);
    d->ttl_max_ms = checked_ms(row, Option::kTtlMax, d->ttl_ms, d);
    if (d->ttl_min_ms > d->ttl_ms) is_out_of_range(d, Option::kTtlMin);
    if (d->ttl_max_ms < d->ttl_ms) is_out_of_range(d, Option::kTtlMax);
    if (d->ttl_ms < 0 && d->ttl_max_ms >= 0) is_broken(d, "its ttl has bounds, but it has none");
    d->stale_ms = checked_ms(row, Option::kStaleFor, 0, d);
    d->sync_every_ms = checked_ms(row, Option::kSyncEvery, 0, d);
    d->warm_every_ms = checked_ms(row, Option::kWarmEvery, 0, d);
    d->refresh_min_ms = checked_ms(row, Option::kRefreshMin, -1, d);
    d->load_timeout_ms = checked_ms(row, Option::kLoadTimeout, 0, d);
    if (d->loader_name == nullptr) d->stale_ms = 0;
    read_refresh_beta(row, d);
    d->refresh_after_ms = UINT32_MAX;
    if (row.nulls[column_of(Option::kRefreshAt)]) return;
    const double share = DatumGetFloat8(row.values[column_of(Option::kRefreshAt)]);
    if (!is_share(share)) {
        is_out_of_range(d, Option::kRefreshAt);
    } else if (d->ttl_ms > 0 && d->loader_name != nullptr) {
        const double at = static_cast<double>(d->ttl_ms) * share;
        if (at < UINT32_MAX) d->refresh_after_ms = static_cast<uint32>(at);
    }
}

void read_limits(const Row& row, Definition* d) {
    d->dependencies_missing =
        row.nulls[kDependencies] ? 0 : DatumGetInt32(row.values[kDependencies]);
    d->limits.budget = core::kNoCache;
    d->limits.refresh_beta = d->refresh_beta;
    d->limits.pinned = DatumGetBool(row.values[column_of(Option::kPinned)]);
    d->limits.stale_for = d->stale_ms;
    d->limits.put_only = d->loader_name == nullptr && d->value_is_base;
    if (!row.nulls[column_of(Option::kMaxEntries)]) {
        const int32 entries = DatumGetInt32(row.values[column_of(Option::kMaxEntries)]);
        if (!in_range(option_info(Option::kMaxEntries), entries)) {
            is_out_of_range(d, Option::kMaxEntries);
        }
        d->limits.max_entries = static_cast<uint64>(std::max(entries, 1));
    }
    if (!row.nulls[column_of(Option::kMaxMemory)]) {
        int64 bytes = 0;
        if (!read_size(row.values[column_of(Option::kMaxMemory)], &bytes) || bytes <= 0) {
            is_broken(d, "its max_memory is no size");
        }
        d->limits.max_bytes = static_cast<uint64>(std::max<int64>(bytes, 1));
    }
}

// Without a zone of its own the option means that of now() and current_date in the loader.
void read_expires(const Row& row, Definition* d) {
    const char* text = row.string(column_of(Option::kExpires));
    if (text == nullptr) return;
    const char* zone = nullptr;
    for (int i = 0; i < d->setting_count; ++i) {
        if (strcmp(d->settings[i].name, "TimeZone") == 0) zone = d->settings[i].value;
    }
    if (read_calendar(text, zone, &d->calendar) != CalendarProblem::kNone) {
        is_broken(d, "its expires names a unit or a time zone that the server does not know");
    }
}

void read_settings(const Row& row, Definition* d) {
    Datum* texts;
    bool* nulls;
    int count;
    deconstruct_array(DatumGetArrayTypeP(row.values[kSettings]), TEXTOID, -1, false, TYPALIGN_INT,
                      &texts, &nulls, &count);
    d->settings = make_array<PinnedSetting>(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        char* pair = nulls[i] ? nullptr : TextDatumGetCString(texts[i]);
        char* equals = pair != nullptr && may_pin(pair) ? strchr(pair, '=') : nullptr;
        if (equals == nullptr) {
            is_broken(d, "its settings are not those that a cache pins");
            continue;
        }
        *equals = '\0';
        d->settings[d->setting_count++] = {pair, equals + 1};
    }
}

// The expressions are looked at where they are used: one that has become none fails its readers.
void read_inputs(const Row& row, Definition* d) {
    if (row.nulls[column_of(Option::kVaryBy)]) return;
    ArrayType* a = DatumGetArrayTypeP(row.values[column_of(Option::kVaryBy)]);
    Datum* texts;
    bool* nulls;
    int count;
    deconstruct_array(a, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    if (ARR_NDIM(a) > 1 || array_contains_nulls(a) || count > kMaxSessionInputs) {
        is_broken(d, "its vary_by is no list of expressions");
        return;
    }
    d->inputs = make_array<const char*>(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        const char* input = TextDatumGetCString(texts[i]);
        const uint64 hash = hash_bytes_extended(reinterpret_cast<const uint8*>(input),
                                                static_cast<int>(strlen(input)), 0);
        d->inputs_hash = hash_combine64(d->inputs_hash, hash);
        d->inputs[d->input_count++] = input;
    }
}

// What an aggregate cache must not have: its values are sums, and nothing else.
void check_aggregate(const Row& row, Definition* d) {
    const bool plain = d->loader_name != nullptr && !d->varies() && d->stale_ms == 0 &&
                       d->load_many_name == nullptr && d->load_all_name == nullptr &&
                       !d->warm_on_invalidate && d->null_ttl_ms < 0 && d->ttl_min_ms == d->ttl_ms &&
                       d->ttl_max_ms == d->ttl_ms && row.nulls[column_of(Option::kExpires)] &&
                       d->tracks && !d->untracked_too && row.nulls[column_of(Option::kGroups)] &&
                       get_typtype(d->value_type) == TYPTYPE_COMPOSITE;
    if (!plain) is_broken(d, "it is an aggregate with options that aggregates do not have");
}

void read_same_for_all(const Row& row, Definition* d) {
    if (row.nulls[column_of(Option::kSameForAll)]) return;
    ArrayType* a = DatumGetArrayTypeP(row.values[column_of(Option::kSameForAll)]);
    Datum* texts;
    bool* nulls;
    int count;
    deconstruct_array(a, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    if (ARR_NDIM(a) > 1 || array_contains_nulls(a)) {
        is_broken(d, "its same_for_all is no list of settings");
        return;
    }
    d->same_for_all = make_array<const char*>(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        d->same_for_all[d->same_count++] = TextDatumGetCString(texts[i]);
    }
}

// An entry carries a tag for each, so that whoever invalidates a group reaches loads that run, too.
void read_groups(const Row& row, Definition* d) {
    if (row.nulls[column_of(Option::kGroups)]) return;
    ArrayType* a = DatumGetArrayTypeP(row.values[column_of(Option::kGroups)]);
    Datum* texts;
    bool* nulls;
    int count;
    deconstruct_array(a, TEXTOID, -1, false, TYPALIGN_INT, &texts, &nulls, &count);
    if (ARR_NDIM(a) > 1 || array_contains_nulls(a) || count > kMaxMasks) {
        is_broken(d, "its groups are no list of them");
        return;
    }
    d->groups = make_array<KeyGroup>(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        KeyGroup& group = d->groups[d->group_count++];
        const char* fault = read_group(TextDatumGetCString(texts[i]), d->columns, nullptr, &group);
        if (fault != nullptr) {
            is_broken(d, psprintf("of its groups %s", fault));
            d->group_count = 0;
            return;
        }
        if (has_group(d, group.mask, {})) continue;
        if (d->mask_count == kMaxMasks) {
            is_broken(d, "it has more groups than a value can have tags");
            return;
        }
        d->group_only |= 1U << d->mask_count;
        d->masks[d->mask_count++] = group.mask;
    }
}

// Whoever is no reader has no session to load for, but that of a key that was read; and a key that
// callers give is a group of entries.
void leave_to_readers(Definition* d) {
    for (int i = 0; i < d->input_count; ++i) {
        d->others_load = d->others_load && is_plain_input(d->inputs[i]);
    }
    if (!d->others_load) {
        d->refresh_after_ms = UINT32_MAX;
        d->refresh_beta = d->limits.refresh_beta = 0;
        d->stale_ms = d->limits.stale_for = 0;
        d->warm_every_ms = 0;
        d->warm_on_invalidate = d->limits.reloads = false;
    }
    d->limits.put_only = false;  // roles that values are kept for may come to an end
    d->load_all = InvalidOid;
    d->warm_keys = nullptr;
    d->sync_every_ms = 0;
    if (d->columns > 0) d->masks[d->mask_count++] = d->all_columns();
}

}  // namespace

const int kDefinitionId = kId;
const int kDefinitionBudget = column_of(Option::kBudget);
const int kDefinitionFunctions = kFunctions;
const int kDefinitionAggregate = kAggregate;

const char* name_problem(const char* name) {
    const char* problem = nullptr;
    if (strlen(name) > kMaxNameBytes) problem = "It may have at most 53 bytes.";
    bool plain = name[0] == '_' || (name[0] >= 'a' && name[0] <= 'z');
    for (const char* c = name; *c != '\0'; ++c) {
        plain = plain && (*c == '_' || (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9'));
    }
    if (!plain) problem = "It is made of a-z, 0-9 and _, and does not begin with a digit.";
    if (strcmp(name, "entry") == 0 || strcmp(name, "many") == 0 || strncmp(name, "many_", 5) == 0) {
        problem = "entry, many and names beginning with many_ are taken by functions of cache_ext.";
    }
    if (strncmp(name, "or_put_", 7) == 0) {
        problem = "Names beginning with or_put_ are taken by functions of cache_ext.";
    }
    return problem;
}

char* Row::string(int i) const {
    return nulls[i] ? nullptr : TextDatumGetCString(values[i]);
}

bool has_columns(Oid table, const ExpectedColumn* columns, int count) {
    // By the catalogs, without a lock on the table.
    for (int i = 0; i <= count; ++i) {
        HeapTuple tuple = SearchSysCache2(ATTNUM, ObjectIdGetDatum(table),
                                          Int16GetDatum(static_cast<int16>(i + 1)));
        if (!HeapTupleIsValid(tuple)) return i == count;
        auto* a = reinterpret_cast<Form_pg_attribute>(GETSTRUCT(tuple));
        const bool same = i < count && !a->attisdropped && a->atttypid == columns[i].type &&
                          strcmp(NameStr(a->attname), columns[i].name) == 0;
        ReleaseSysCache(tuple);
        if (!same) return false;
    }
    return false;
}

bool is_definition_table(Oid table) {
    return has_columns(table, expected_columns(), kDefinitionColumns);
}

void read_definition(Oid schema, const Row& row, bool trust, Definition* d) {
    const char* name = row.string(kName);
    strlcpy(d->name, name, NAMEDATALEN);
    if (name_problem(name) != nullptr) is_broken(d, "its name cannot be that of a cache");
    d->id = static_cast<uint64>(DatumGetInt64(row.values[kId]));
    if (d->id == 0) is_broken(d, "its id is 0");
    d->session = make<SessionState>();
    d->session->index = core::kNoCache;
    TrustedFunctions remembered = {};
    if (trust && !trusted_from_array(row.values[kFunctions], &remembered)) {
        is_broken(d, "its functions are not remembered");
    }
    d->aggregates = !row.nulls[kAggregate];
    read_types(row, d);
    read_accessor(schema, remembered, trust, d);
    read_loader_name(row, remembered, trust, d);
    d->load_many_name = row.string(column_of(Option::kLoadMany));
    d->load_many =
        read_row_loader(d->load_many_name, remembered[Trusted::kLoadMany], trust, true, d);
    d->load_all_name = row.string(column_of(Option::kLoadAll));
    d->load_all = read_row_loader(d->load_all_name, remembered[Trusted::kLoadAll], trust, false, d);
    d->warm_keys = row.string(column_of(Option::kWarmKeys));
    d->warm_on_invalidate = DatumGetBool(row.values[column_of(Option::kWarmOnInvalidate)]);
    d->limits.reloads = d->warm_on_invalidate && d->loader_name != nullptr;
    d->warm_when_idle = DatumGetBool(row.values[column_of(Option::kWarmWhenIdle)]);
    d->tracks = strcmp(row.string(column_of(Option::kInvalidate)), "declared") != 0;
    d->untracked_too = strcmp(row.string(column_of(Option::kUndeclared)), "ttl") == 0;
    d->priority = DatumGetInt32(row.values[column_of(Option::kPriority)]);
    read_times(row, d);
    read_limits(row, d);
    read_settings(row, d);
    read_expires(row, d);
    read_inputs(row, d);
    read_same_for_all(row, d);
    const char* run_as = row.string(column_of(Option::kRunAs));
    d->as_reader = strcmp(run_as, "reader") == 0;
    if (!d->as_reader && strcmp(run_as, "owner") != 0) is_broken(d, "its run_as is nobody");
    d->limits.as_owner = !d->as_reader;
    if (d->as_reader) d->inputs_hash = hash_combine64(d->inputs_hash, 'r');
    d->others_load = true;
    if (d->aggregates) check_aggregate(row, d);
    if (d->varies()) leave_to_readers(d);
    read_groups(row, d);
    const char* budget = row.string(column_of(Option::kBudget));
    if (budget != nullptr && strcmp(budget, d->name) == 0) {
        is_broken(d, "it shares the budget of itself");
    }
}

}  // namespace cache_ext::pg
