#include "pg/declare/derive.hpp"

#include "pg/base/apart.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/settings.hpp"
#include "pg/base/spi.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/declare/dependencies.hpp"
#include "pg/declare/dependency_triggers.hpp"
#include "pg/declare/lock_declared.hpp"
#include "pg/declare/path_dependency.hpp"
#include "pg/load/derived_checks.hpp"

extern "C" {
#include "catalog/pg_type.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

bool by_relation(const LoaderInput* a, const LoaderInput* b) {
    return a->relation < b->relation;
}

int compare_inputs(const ListCell* a, const ListCell* b) {
    const auto* one = static_cast<const LoaderInput*>(lfirst(a));
    const auto* other = static_cast<const LoaderInput*>(lfirst(b));
    return by_relation(one, other) ? -1 : by_relation(other, one) ? 1 : 0;
}

bool declared_by_hand(const Definition* d, Oid relation) {
    const RelationDependencies* r = dependencies_of(relation);
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        const Dependency& dep = r->dependencies[i];
        if (dep.definition->id == d->id && !dep.derived && dep.kind != DependencyKind::kVia) {
            return true;
        }
    }
    return false;
}

List* key_names(const Definition* d, const RowMapping* mapping) {
    List* names = NIL;
    for (int i = 0; i < d->columns; ++i) {
        names = lappend(names, const_cast<char*>(mapping->key[i]));
    }
    return names;
}

// Which columns matter, as `columns` has it. NIL: every UPDATE matters.
List* columns_of(const LoaderInput* input) {
    if (!input->all_columns) return input->columns;
    static char any[] = "*";
    return get_attnum(input->relation, any) == InvalidAttrNumber ? list_make1(any) : NIL;
}

const char* instant_name(const RowMapping* mapping) {
    const Bounds& bounds = mapping->bounds;
    if (!bounds.any()) return nullptr;
    return mapping->key[(bounds.since != 0 ? bounds.since : bounds.until) - 1];
}

// As cache_invalidate_on takes them: without what instant says.
List* keys_beside_instant(const Definition* d, const RowMapping* mapping) {
    List* names = NIL;
    for (int i = 0; i < d->columns; ++i) {
        const char* name = mapping->bounds.name(i) ? nullptr : mapping->key[i];
        names = lappend(names, const_cast<char*>(name));
    }
    return names;
}

ArrayType* text_array(List* names) {
    const int count = list_length(names);
    auto* values = make_array<Datum>(static_cast<size_t>(count));
    auto* nulls = make_array<bool>(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
        auto* name = static_cast<char*>(list_nth(names, i));
        nulls[i] = name == nullptr;
        if (!nulls[i]) values[i] = CStringGetTextDatum(name);
    }
    if (count == 0) return construct_empty_array(TEXTOID);
    int size = count;
    int first = 1;
    return construct_md_array(values, nulls, 1, &size, &first, TEXTOID, -1, false, TYPALIGN_INT);
}

// Whoever is writing to them has gone by what is derived, and may not have registered for more.
void lock_derived(const Definition* d) {
    const uint64 cache = d->id;
    List* all = NIL;
    for (int i = 0; i < dependency_relation_count(); ++i) {
        const RelationDependencies& r = dependency_relation_at(i);
        for (int k = 0; k < r.count; ++k) {
            const Dependency& dep = r.dependencies[k];
            if (dep.definition->id == cache && dep.derived) {
                all = list_append_unique_oid(all, r.relation);
            }
        }
    }
    list_sort(all, list_oid_cmp);
    ListCell* cell;
    foreach (cell, all) LockRelationOid(lfirst_oid(cell), ShareRowExclusiveLock);
}

// All that will be locked, in one order for everybody, before anything is written.
void lock_tables(const LoaderAnalysis* analysis) {
    ListCell *i, *m, *t;
    foreach (i, analysis->inputs) {
        const auto* input = static_cast<LoaderInput*>(lfirst(i));
        if (input->unproven != nullptr) continue;
        check_relation(input->relation);
        ensure_triggers(input->relation);
        foreach (m, input->mappings) {
            foreach (t, static_cast<RowMapping*>(lfirst(m))->through) {
                check_relation(lfirst_oid(t));
                ensure_triggers(lfirst_oid(t));
            }
        }
    }
}

void forget_derived(const Definition* d) {
    const char* name = d->name;
    const uint64 rows =
        run_as_owner(dependency_table(),
                     psprintf("DELETE FROM %s WHERE cache OPERATOR(pg_catalog.=) $1 AND derived",
                              in_internals("cache_dependency")),
                     1, &name);
    count_dependencies(name, -static_cast<int>(rows));
}

void declare_input(const char* cache, const LoaderInput* input) {
    ListCell* cell;
    foreach (cell, input->mappings) {
        const auto* mapping = static_cast<RowMapping*>(lfirst(cell));
        const Definition* d = require_definition(cache);
        List* columns = columns_of(input);
        const bool some = columns != NIL || !input->all_columns;
        if (mapping->key_query != nullptr) {
            declare_path(d, input->relation, mapping->key_query,
                         some ? array_literal(columns) : nullptr, true);
        } else {
            declare_key(d, input->relation, text_array(key_names(d, mapping)),
                        some ? text_array(columns) : nullptr, mapping->bounds, true);
        }
        CommandCounterIncrement();
    }
}

// Until there is nobody who writes to a table: as long as the session waits for locks, but not so
// long that all its writers stand behind somebody who only wanted a cache.
void limit_lock_waits() {
    const int most = settings.auto_lock_timeout_ms;
    if (most == 0 || (LockTimeout != 0 && LockTimeout <= most)) return;
    set_config_option("lock_timeout", psprintf("%d", most), PGC_USERSET, PGC_S_SESSION,
                      GUC_ACTION_SAVE, true, 0, false);
}

void leave_to_hand(const Definition* d, LoaderAnalysis* analysis) {
    ListCell* cell;
    foreach (cell, analysis->inputs) {
        auto* input = static_cast<LoaderInput*>(lfirst(cell));
        input->by_hand = declared_by_hand(d, input->relation);
        if (input->by_hand) input->unproven = "somebody has declared it";
    }
}

}  // namespace

void give_up_derived(const char* cache, bool forget) {
    connect_spi();
    if (forget) lock_derived(require_definition(cache));
    const Definition* d = lock_own_definition(require_definition(cache));
    if (forget) {
        List* relations = relations_with_triggers_for(d);
        forget_derived(d);
        drop_needless_triggers(relations);
    } else {
        const char* name = d->name;
        run_as_owner(dependency_table(),
                     psprintf("UPDATE %s SET derived = false WHERE cache OPERATOR(pg_catalog.=) $1 "
                              "AND derived",
                              in_internals("cache_dependency")),
                     1, &name);
    }
    SPI_finish();
}

const LoaderAnalysis* declare_derived(const char* cache) {
    const Definition* d = require_definition(cache);
    require_owner(d);
    if (!d->tracks) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("cache \"%s\" does not track what nobody declares", d->name),
                        errhint("What is not proven has to be tracked: cache_alter('%s', "
                                "'{\"invalidate\": \"track\"}').",
                                d->name)));
    }
    LoaderAnalysis* analysis = analysis_of(d, GetUserId());
    if (analysis == nullptr) {
        analysis = make<LoaderAnalysis>();
        analysis->unseen = "its text cannot be analysed now";
    }
    d = require_definition(cache);  // it may have been read again
    leave_to_hand(d, analysis);
    list_sort(analysis->inputs, compare_inputs);
    connect_spi();
    lock_derived(require_definition(cache));
    lock_tables(analysis);
    d = lock_own_definition(require_definition(cache));
    List* relations = relations_with_triggers_for(d);
    forget_derived(d);
    CommandCounterIncrement();
    ListCell* cell;
    foreach (cell, analysis->inputs) {
        const auto* input = static_cast<LoaderInput*>(lfirst(cell));
        if (input->unproven == nullptr) declare_input(cache, input);
    }
    drop_needless_triggers(relations);
    SPI_finish();
    return analysis;
}

const LoaderAnalysis* try_to_declare_derived(const char* cache, const char** error) {
    const LoaderAnalysis* analysis = nullptr;
    *error = attempt([&] {
        const int nest = NewGUCNestLevel();
        limit_lock_waits();
        analysis = declare_derived(cache);
        AtEOXact_GUC(true, nest);
    });
    return *error == nullptr ? analysis : nullptr;
}

const char* statement_of(const char* cache, const LoaderInput* input, const RowMapping* mapping) {
    const char* name = quote_literal_cstr(cache);
    const char* relation = quote_literal_cstr(relation_as_sql(input->relation));
    List* names = columns_of(input);
    const char* columns =
        names == NIL && input->all_columns
            ? ""
            : psprintf(", columns => %s", quote_literal_cstr(array_literal(names)));
    if (mapping->key_query != nullptr) {
        return psprintf("SELECT cache_invalidate_on_path(%s, %s, %s%s)", name, relation,
                        quote_literal_cstr(mapping->key_query), columns);
    }
    const Definition* d = require_definition(cache);
    return psprintf("SELECT cache_invalidate_on(%s, %s, key => %s%s%s)", name, relation,
                    quote_literal_cstr(array_literal(keys_beside_instant(d, mapping))), columns,
                    bounds_arguments(mapping->bounds, instant_name(mapping), d->accessor));
}

const char* proven_statements(const Definition* d, const LoaderAnalysis* analysis, Oid relation) {
    ListCell *i, *m;
    foreach (i, analysis != nullptr ? analysis->inputs : NIL) {
        const auto* input = static_cast<LoaderInput*>(lfirst(i));
        if (input->relation != relation || input->unproven != nullptr) continue;
        StringInfoData all;
        initStringInfo(&all);
        foreach (m, input->mappings) {
            appendStringInfo(&all, "%s%s", all.len > 0 ? "; " : "",
                             statement_of(d->name, input, static_cast<RowMapping*>(lfirst(m))));
        }
        return all.data;
    }
    return psprintf("SELECT cache_invalidate_on(%s, %s, '{...}')", quote_literal_cstr(d->name),
                    quote_literal_cstr(relation_as_sql(relation)));
}

}  // namespace cache_ext::pg
