#include "pg/declare/derived_notice.hpp"

#include "pg/base/memory.hpp"
#include "pg/catalog/standing.hpp"
#include "pg/load/coverage.hpp"

#include <initializer_list>

extern "C" {
#include "catalog/namespace.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

// How tables are covered, and (those that are not by key or path) why so: one text for all of them.
enum class Covered : uint8 { kKey, kPath, kTable, kNone };
struct Group {
    Covered covered;
    const char* why;  // nullptr: no more is to be said
    List* names;      // of char*
};

// A cache of many tables is told of in one line, too.
constexpr int kMostNamed = 4;   // of a group
constexpr int kMostGroups = 3;  // with reasons

Covered covered_by(const LoaderInput* input) {
    if (input->unproven != nullptr) {
        return is_trackable(input->relation) ? Covered::kTable : Covered::kNone;
    }
    const auto* first = static_cast<RowMapping*>(linitial(input->mappings));
    return first->key_query != nullptr ? Covered::kPath : Covered::kKey;
}

void add_to_group(List** groups, const LoaderInput* input) {
    const Covered covered = covered_by(input);
    const char* why = covered == Covered::kTable ? input->unproven : nullptr;
    char* name = isAnyTempNamespace(get_rel_namespace(input->relation))
                     ? psprintf("pg_temp.%s", quote_identifier(get_rel_name(input->relation)))
                     : const_cast<char*>(relation_as_sql(input->relation));
    ListCell* cell;
    foreach (cell, *groups) {
        auto* group = static_cast<Group*>(lfirst(cell));
        if (group->covered != covered) continue;
        if (why != nullptr && strcmp(group->why, why) != 0) continue;
        group->names = lappend(group->names, name);
        return;
    }
    auto* group = make<Group>();
    *group = {covered, why, list_make1(name)};
    *groups = lappend(*groups, group);
}

List* grouped(const LoaderAnalysis* analysis) {
    List* groups = NIL;
    ListCell* cell;
    foreach (cell, analysis->inputs) {
        const auto* input = static_cast<LoaderInput*>(lfirst(cell));
        if (!input->by_hand) add_to_group(&groups, input);
    }
    return groups;
}

void append_names(StringInfo text, List* names) {
    int i = 0;
    ListCell* cell;
    foreach (cell, names) {
        if (i == kMostNamed) {
            appendStringInfo(text, " and %d more", list_length(names) - kMostNamed);
            return;
        }
        appendStringInfo(text, "%s%s", i++ > 0 ? ", " : "", static_cast<char*>(lfirst(cell)));
    }
}

void append_group(StringInfo text, const Group* group) {
    appendStringInfoString(text, text->len > 0 ? "; " : "");
    append_names(text, group->names);
    switch (group->covered) {
        case Covered::kKey:
            appendStringInfoString(text, " (by key)");
            break;
        case Covered::kPath:
            appendStringInfoString(text, " (by path)");
            break;
        case Covered::kTable:
            appendStringInfo(text, " (%s)", group->why);
            break;
        case Covered::kNone:
            break;
    }
}

// Those that are covered in one of these ways; empty: none.
const char* listed(List* groups, std::initializer_list<Covered> ways) {
    StringInfoData text;
    initStringInfo(&text);
    int told = 0;
    int more = 0;
    for (const Covered covered : ways) {
        ListCell* cell;
        foreach (cell, groups) {
            const auto* group = static_cast<Group*>(lfirst(cell));
            if (group->covered != covered) continue;
            if (told++ < kMostGroups) {
                append_group(&text, group);
            } else {
                more += list_length(group->names);
            }
        }
    }
    if (more > 0) appendStringInfo(&text, "; and %d more", more);
    return text.data;
}

// What has no triggers, in one line; nullptr: all has.
const char* others(const char* tracked, const char* untracked) {
    if (tracked[0] == '\0' && untracked[0] == '\0') return nullptr;
    if (untracked[0] == '\0') return psprintf("Tracked as a whole: %s.", tracked);
    if (tracked[0] == '\0') return psprintf("Cannot be tracked: %s.", untracked);
    return psprintf("Tracked as a whole: %s. Cannot be tracked: %s.", tracked, untracked);
}

}  // namespace

void report_derived(const char* cache, const LoaderAnalysis* analysis) {
    if (analysis->unseen != nullptr) {
        ereport(NOTICE, (errmsg("cache \"%s\" has no triggers: what it reads is tracked", cache),
                         errdetail("Of its loader: %s.", analysis->unseen)));
        return;
    }
    List* groups = grouped(analysis);
    if (groups == NIL) return;
    const char* triggers = listed(groups, {Covered::kKey, Covered::kPath});
    const char* tracked = listed(groups, {Covered::kTable});
    const char* detail = others(tracked, listed(groups, {Covered::kNone}));
    const char* rest = tracked[0] != '\0' ? ": what it reads is tracked" : "";
    ereport(NOTICE,
            (triggers[0] != '\0' ? errmsg("cache \"%s\" has triggers on %s", cache, triggers)
                                 : errmsg("cache \"%s\" has no triggers%s", cache, rest),
             detail != nullptr ? errdetail("%s", detail) : 0));
}

void report_not_derived(const char* cache, const char* error) {
    ereport(NOTICE, (errmsg("cache \"%s\" has no triggers: what it reads is tracked", cache),
                     errdetail("They could not be made: %s. SELECT * FROM cache_declare(%s) tries "
                               "it again.",
                               error, quote_literal_cstr(cache))));
}

}  // namespace cache_ext::pg
