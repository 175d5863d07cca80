#include "pg/load/loader_analysis.hpp"

#include "pg/base/compat.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/virtual_columns.hpp"
#include "pg/load/environment.hpp"
#include "pg/load/loader_equalities.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
}

namespace cache_ext::pg {
namespace {

constexpr int kMostMappings = 4;  // of one table: more would be more tags than it is worth

LoaderInput* input_of(LoaderAnalysis* analysis, Oid relation) {
    ListCell* cell;
    foreach (cell, analysis->inputs) {
        auto* input = static_cast<LoaderInput*>(lfirst(cell));
        if (input->relation == relation) return input;
    }
    auto* input = make<LoaderInput>();
    input->relation = relation;
    analysis->inputs = lappend(analysis->inputs, input);
    return input;
}

void leave_tracked(LoaderInput* input, const char* why) {
    if (input->unproven == nullptr) input->unproven = why;
}

void add_columns(LoaderInput* input, const Mention* mention) {
    input->all_columns |= mention->all_columns || mention->opaque;
    for (int i = -1; (i = bms_next_member(mention->columns, i)) >= 0;) {
        char* name = get_attname(mention->relation, static_cast<AttrNumber>(i), true);
        if (name == nullptr) {
            input->all_columns = true;
            continue;
        }
        bool known = false;
        ListCell* cell;
        foreach (cell, input->columns) {
            known = known || strcmp(static_cast<char*>(lfirst(cell)), name) == 0;
        }
        if (!known) input->columns = lappend(input->columns, name);
    }
}

bool same_text(const char* a, const char* b) {
    return a == nullptr || b == nullptr ? a == b : strcmp(a, b) == 0;
}

bool same_mapping(const RowMapping* a, const RowMapping* b) {
    if (!same_text(a->key_query, b->key_query) || !(a->bounds == b->bounds)) return false;
    for (int i = 0; i < kMaxKeyColumns; ++i) {
        if (!same_text(a->key[i], b->key[i])) return false;
    }
    return true;
}

void add_mapping(LoaderInput* input, RowMapping* mapping) {
    ListCell* cell;
    foreach (cell, input->mappings) {
        if (same_mapping(static_cast<RowMapping*>(lfirst(cell)), mapping)) return;
    }
    input->mappings = lappend(input->mappings, mapping);
    if (list_length(input->mappings) > kMostMappings)
        leave_tracked(input, "it is read by too many");
}

void read_mention(LoaderAnalysis* analysis, Equalities* equalities, const Definition* d,
                  const Mention* mention) {
    LoaderInput* input = input_of(analysis, mention->relation);
    add_columns(input, mention);
    if (mention->opaque) {
        leave_tracked(input, "its changed rows cannot be told, or count by where they lie");
        return;
    }
    close_over(equalities, mention);
    RowMapping* mapping = mapping_of(equalities, d, mention);
    if (mapping == nullptr) {
        leave_tracked(input, "it is not restricted to the key wherever it is read");
        return;
    }
    add_mapping(input, mapping);
}

bool share_members(Oid a, Oid b) {
    List* members = find_all_inheritors(a, NoLock, nullptr);
    ListCell* cell;
    foreach (cell, find_all_inheritors(b, NoLock, nullptr)) {
        if (list_member_oid(members, lfirst_oid(cell))) return true;
    }
    return false;
}

// A declaration covers partitions and children as well, also where these are read by another name.
void join_relatives(LoaderAnalysis* analysis) {
    for (bool any = true; any;) {
        any = false;
        ListCell *i, *j;
        foreach (i, analysis->inputs) {
            auto* proven = static_cast<LoaderInput*>(lfirst(i));
            if (proven->unproven != nullptr) continue;
            foreach (j, analysis->inputs) {
                const auto* other = static_cast<LoaderInput*>(lfirst(j));
                if (other->unproven == nullptr ||
                    !share_members(proven->relation, other->relation)) {
                    continue;
                }
                leave_tracked(proven, "a partition, child or parent of it is not restricted");
                any = true;
                break;
            }
        }
    }
}

// Whose tables these are decides who may declare something on them.
void require_ownership(LoaderInput* input, Oid role) {
    if (input->unproven != nullptr) return;
    if (!object_ownercheck(RelationRelationId, input->relation, role)) {
        leave_tracked(input, "only its owner can make triggers on it");
        return;
    }
    ListCell *cell, *through;
    foreach (cell, input->mappings) {
        foreach (through, static_cast<RowMapping*>(lfirst(cell))->through) {
            if (object_ownercheck(RelationRelationId, lfirst_oid(through), role)) continue;
            leave_tracked(input, psprintf("only its owner can make triggers on \"%s\", through "
                                          "which it is read",
                                          get_rel_name(lfirst_oid(through))));
            return;
        }
    }
}

void analyse(LoaderAnalysis* analysis, const Definition* d) {
    LoaderTree* tree = read_loader_tree(d->loader);
    analysis->unseen = tree->unseen;
    if (tree->unseen != nullptr) return;
    Equalities* equalities = read_equalities(tree);
    ListCell* cell;
    foreach (cell, tree->mentions) {
        const auto* mention = static_cast<Mention*>(lfirst(cell));
        if (!mention->repeated) read_mention(analysis, equalities, d, mention);
    }
}

}  // namespace

LoaderAnalysis* analyse_loader(const Definition* d, Oid declarer) {
    auto* analysis = make<LoaderAnalysis>();
    if (!OidIsValid(d->loader)) {
        analysis->unseen = "the cache has no loader";
        return analysis;
    }
    if (d->as_reader) {
        analysis->unseen = "it runs as its reader, and policies may read more for him";
        return analysis;
    }
    as_owner_of(d, [&] { analyse(analysis, d); });
    ListCell* cell;
    foreach (cell, analysis->inputs) {
        if (OidIsValid(declarer)) {
            require_ownership(static_cast<LoaderInput*>(lfirst(cell)), declarer);
        }
    }
    join_relatives(analysis);
    return analysis;
}

}  // namespace cache_ext::pg
