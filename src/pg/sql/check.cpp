// cache_check: what the values of a cache depend on, and how that is covered.
#include "pg/base/memory.hpp"
#include "pg/base/store_handle.hpp"
#include "pg/declare/derive.hpp"
#include "pg/load/derived_checks.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/load/coverage.hpp"
#include "pg/load/loader_inputs.hpp"
#include "pg/load/loader_limits.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/write/relation_changes.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"
}

namespace cache_ext::pg {
namespace {

struct Input {
    const char* name;
    const char* kind;
    const char* covered;
    const char* invalidates;
    const char* more_precise;
};

void put(const ReturnSetInfo* set, const Input& input) {
    const char* texts[] = {input.name, input.kind, input.covered, input.invalidates,
                           input.more_precise};
    Datum values[5] = {};
    bool nulls[5] = {};
    for (int i = 0; i < 5; ++i) {
        nulls[i] = texts[i] == nullptr;
        if (!nulls[i]) values[i] = CStringGetTextDatum(texts[i]);
    }
    tuplestore_putvalues(set->setResult, set->setDesc, values, nulls);
}

Input declared(const Dependency& dep) {
    const char* name = relation_as_sql(dep.declared);
    switch (dep.kind) {
        case DependencyKind::kPath:
            return {name, "table", "path", "the keys that its query finds", nullptr};
        case DependencyKind::kVia:
            return {name, "table", "path", "what moves keys of rows that lead through it", nullptr};
        case DependencyKind::kKey:
            break;
    }
    if (dep.mask == 0) return {name, "table", "table", "the whole cache", nullptr};
    if (dep.mask == dep.definition->all_columns()) {
        return {name, "table", "key",
                dep.definition->varies() ? "one key, for all sessions" : "one key", nullptr};
    }
    return {name, "table", "key", "the keys that share some of their columns with it", nullptr};
}

// Each row of cache_dependency once, though it holds for partitions and children as well.
void put_declared(const ReturnSetInfo* set, const Definition* d) {
    for (int i = 0; i < dependency_relation_count(); ++i) {
        const RelationDependencies& r = dependency_relation_at(i);
        for (int k = 0; k < r.count; ++k) {
            const Dependency& dep = r.dependencies[k];
            if (dep.definition->id == d->id && dep.declared == r.relation) put(set, declared(dep));
        }
    }
}

void put_tracked(const ReturnSetInfo* set, const Definition* d, const LoaderAnalysis* proven) {
    const core::CacheIndex index = d->session->index;
    auto* all = make_array<core::RelationKey>(store().max_tracked());
    const uint32 count = store().tracked_relations(MyDatabaseId, all);
    for (uint32 i = 0; i < count; ++i) {
        const auto relation = static_cast<Oid>(all[i]);
        // A partition is covered with what it is a part of. What was dropped keeps its place for a
        // while.
        if (get_rel_name(relation) == nullptr || get_rel_relispartition(relation)) continue;
        if (!is_tracked_for(relation, index) || is_declared_for(d->id, relation)) continue;
        put(set, {relation_as_sql(relation), "table",
                  store().is_tracked(all[i], index) ? "table" : "none", "the whole cache",
                  proven_statements(d, proven, relation)});
    }
    pfree(all);
}

const char* altered(const Definition* d, const char* options) {
    return psprintf("SELECT cache_alter(%s, %s)", quote_literal_cstr(d->name),
                    quote_literal_cstr(options));
}

// The option, with one expression more than there are.
const char* varied_by(const Definition* d, const char* expression) {
    StringInfoData json;
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"vary_by\": [");
    for (int i = 0; i < d->input_count; ++i) {
        escape_json(&json, d->inputs[i]);
        appendStringInfoString(&json, ", ");
    }
    escape_json(&json, expression);
    appendStringInfoString(&json, "]}");
    return json.data;
}

// nullptr: nobody can vary by it.
const char* named_setting(const Definition* d, const char* setting) {
    if (!is_custom_setting(setting)) return nullptr;
    return altered(
        d, varied_by(d, psprintf("current_setting(%s, true)", quote_literal_cstr(setting))));
}

// What else its text says that values depend on.
void put_text_input(const ReturnSetInfo* set, const Definition* d, const TextInput& input) {
    Input row = {input_name(input), input_kind_name(input.kind), "ttl", nullptr, nullptr};
    const bool in_key = is_in_key(d, input);
    if (in_key) {
        row.covered = "key";
        row.invalidates = "nothing: it is part of the key";
    }
    switch (input.kind) {
        case InputKind::kTime:
            row.invalidates = d->calendar.unit != Unit::kNone
                                  ? "all that were loaded before the end that expires says"
                                  : "nothing: a value goes by the time when it was loaded";
            if (d->calendar.unit == Unit::kNone)
                row.more_precise = altered(d, "{\"expires\": \"day\"}");
            break;
        case InputKind::kSetting:
            if (in_key) break;
            row.invalidates = "nothing: it is that of a new session of the owner, for all readers";
            if (is_unnamed(d, input)) {
                row.covered = "none";
                row.invalidates = "nothing: what depends on it is not cached";
            } else if (said_same_for_all(d, input.name)) {
                row.invalidates = "nothing: it is said to be the same for all readers";
            }
            if (input.name != nullptr) row.more_precise = named_setting(d, input.name);
            break;
        case InputKind::kRole:
            if (in_key) break;
            row.invalidates = "nothing: it is the owner, for all readers";
            row.more_precise = altered(d, "{\"run_as\": \"reader\"}");
            break;
        case InputKind::kSessionRole:
            if (in_key) break;
            row.covered = "none";
            row.invalidates = "nothing: what depends on it is not cached";
            row.more_precise = altered(d, varied_by(d, "session_user"));
            break;
        case InputKind::kSession:
            if ((d->tracks && !d->untracked_too) || tells_of_session(input.function)) {
                row.covered = "none";
            }
            row.invalidates = "nothing: it tells of the session or the server";
            break;
        case InputKind::kVolatileFunction:
            if (d->tracks && !d->untracked_too) row.covered = "none";
            row.invalidates = "nothing: it is VOLATILE";
            if (OidIsValid(input.function)) {
                row.more_precise = psprintf("ALTER FUNCTION %s STABLE", input.name);
            }
            break;
    }
    put(set, row);
}

bool names_function(List* inputs, const char* name) {
    ListCell* cell;
    foreach (cell, inputs) {
        const auto* input = static_cast<const TextInput*>(lfirst(cell));
        if ((input->kind == InputKind::kVolatileFunction || input->kind == InputKind::kSession) &&
            strcmp(input->name, name) == 0) {
            return true;
        }
    }
    return false;
}

// What has kept the last load from being published, or has bound it to its ttl; what a load read
// that is not declared.
void put_refused(const ReturnSetInfo* set, const Definition* d, const LoaderAnalysis* proven,
                 List* others) {
    const Refusal last = last_refusal(d);
    const char* name = refused_object(last);
    if (name == nullptr || (last.is_function && names_function(others, name))) return;
    Input input = {name, last.is_function ? "function" : "table",
                   bounds_only(last.reason) && (d->untracked_too || !d->tracks) ? "ttl" : "none",
                   psprintf("nothing: %s", refusal_reason(last)), nullptr};
    if (last.reason == core::Bypass::kVolatileFunction && last.object >= FirstGenbkiObjectId) {
        input.more_precise = psprintf("ALTER FUNCTION %s STABLE", input.name);
    } else if (last.undeclared) {
        input.more_precise = proven_statements(d, proven, last.object);
    }
    put(set, input);
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_check_1_0);
}

// cache_check(name text) RETURNS TABLE (input, kind, covered, invalidates, more_precise)
extern "C" Datum cache_check_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_store("cache_check");
    const char* name = pstrdup(d->name);  // definitions may be read again
    List* others = inputs_by_text(d, NIL, nullptr);
    const LoaderAnalysis* proven = analysis_of(require_definition(name), GetUserId());
    d = require_definition(name);
    put_declared(set, d);
    if (control_block(d) != core::kNoCache) {
        put_tracked(set, d, proven);
        put_refused(set, d, proven, others);
    }
    ListCell* cell;
    foreach (cell, others) {
        put_text_input(set, d, *static_cast<const TextInput*>(lfirst(cell)));
    }
    if (!d->tracks)
        put(set, {"whatever else its loader reads", nullptr, "ttl", "nothing", nullptr});
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
