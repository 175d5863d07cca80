#include "pg/base/compat.hpp"

#include <algorithm>
#include <cstring>

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "commands/defrem.h"
#include "parser/parse_relation.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {

// --- locks ---

bool holds_strong_fast_path_lock() {
    constexpr uint64 kWeak = 0x249249249249;  // three bits a slot, the lowest is ACCESS SHARE
#if PG_VERSION_NUM >= 180000
    return std::any_of(MyProc->fpLockBits, MyProc->fpLockBits + FastPathLockGroupsPerBackend,
                       [](uint64 group) { return (group & ~kWeak) != 0; });
#else
    return (MyProc->fpLockBits & ~kWeak) != 0;
#endif
}

namespace {

bool partition_has(int partition, bool (*is)(const PROCLOCK&)) {
#if PG_VERSION_NUM >= 160000
    // The macros for lists are C only.
    const dlist_node* end = &MyProc->myProcLocks[partition].head;
    for (const dlist_node* n = end->next; n != nullptr && n != end; n = n->next) {
        if (is(*reinterpret_cast<const PROCLOCK*>(reinterpret_cast<const char*>(n) -
                                                  offsetof(PROCLOCK, procLink)))) {
            return true;
        }
    }
#else
    SHM_QUEUE* queue = &MyProc->myProcLocks[partition];
    const auto next = [queue](SHM_QUEUE* at) {
        return reinterpret_cast<PROCLOCK*>(SHMQueueNext(queue, at, offsetof(PROCLOCK, procLink)));
    };
    for (PROCLOCK* p = next(queue); p != nullptr; p = next(&p->procLink)) {
        if (is(*p)) return true;
    }
#endif
    return false;
}

}  // namespace

bool holds_lock(bool (*is)(const PROCLOCK&)) {
    bool found = false;
    for (int i = 0; i < NUM_LOCK_PARTITIONS && !found; ++i) {
        LWLockAcquire(LockHashPartitionLockByIndex(i), LW_SHARED);
        found = partition_has(i, is);
        LWLockRelease(LockHashPartitionLockByIndex(i));
    }
    return found;
}

// --- rights ---

#if PG_VERSION_NUM < 160000
AclResult object_aclcheck(Oid class_id, Oid object_id, Oid role, AclMode mode) {
    switch (class_id) {
        case ProcedureRelationId:
            return pg_proc_aclcheck(object_id, role, mode);
        case NamespaceRelationId:
            return pg_namespace_aclcheck(object_id, role, mode);
        default:
            elog(ERROR, "no privileges are known of class %u", class_id);
    }
    pg_unreachable();
}

bool object_ownercheck(Oid class_id, Oid object_id, Oid role) {
    switch (class_id) {
        case ProcedureRelationId:
            return pg_proc_ownercheck(object_id, role);
        case RelationRelationId:
            return pg_class_ownercheck(object_id, role);
        case NamespaceRelationId:
            return pg_namespace_ownercheck(object_id, role);
        case DatabaseRelationId:
            return pg_database_ownercheck(object_id, role);
        case ExtensionRelationId:
            return pg_extension_ownercheck(object_id, role);
        default:
            elog(ERROR, "no owners are known of class %u", class_id);
    }
    pg_unreachable();
}
#endif

const Bitmapset* selected_columns(const Query* query, const RangeTblEntry* entry) {
#if PG_VERSION_NUM >= 160000
    return getRTEPermissionInfo(query->rteperminfos, const_cast<RangeTblEntry*>(entry))
        ->selectedCols;
#else
    (void)query;
    return entry->selectedCols;
#endif
}

// --- statements ---

bool is_rewrite(const Node* statement) {
    if (IsA(statement, VacuumStmt)) return true;
#if PG_VERSION_NUM >= 190000
    if (!IsA(statement, RepackStmt)) return false;
    ListCell* cell;
    foreach (cell, reinterpret_cast<const RepackStmt*>(statement)->params) {
        auto* option = static_cast<DefElem*>(lfirst(cell));
        if (strcmp(option->defname, "concurrently") == 0 && defGetBoolean(option)) return false;
    }
    return true;
#else
    return IsA(statement, ClusterStmt);
#endif
}

const RangeVar* rewritten_table(const Node* statement) {
#if PG_VERSION_NUM >= 190000
    if (!IsA(statement, RepackStmt)) return nullptr;
    const VacuumRelation* named = reinterpret_cast<const RepackStmt*>(statement)->relation;
    return named != nullptr ? named->relation : nullptr;
#else
    return IsA(statement, ClusterStmt) ? reinterpret_cast<const ClusterStmt*>(statement)->relation
                                       : nullptr;
#endif
}

// --- settings ---

bool about_background(config_group group) {
    switch (group) {
#if PG_VERSION_NUM >= 180000
        case RESOURCES_IO:
        case RESOURCES_WORKER_PROCESSES:
        case VACUUM_AUTOVACUUM:
        case VACUUM_COST_DELAY:
        case VACUUM_DEFAULT:
        case VACUUM_FREEZING:
#else
        case RESOURCES_ASYNCHRONOUS:
        case RESOURCES_VACUUM_DELAY:
        case AUTOVACUUM:
#endif
            return true;
        default:
            return false;
    }
}

int compare_setting_names(const char* a, const char* b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c; };
    for (; *a != '\0' && *b != '\0'; ++a, ++b) {
        const int difference = lower(*a) - lower(*b);
        if (difference != 0) return difference;
    }
    return static_cast<int>(*a != '\0') - static_cast<int>(*b != '\0');
}

namespace {

// A library that reserves a prefix removes what is not its own. It looks at the case, others do
// not.
void hide_prefix(char* name) {
    for (char* c = name; *c != '\0' && *c != '.'; ++c) {
        if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')) *c ^= 'a' - 'A';
    }
}

}  // namespace

#if PG_VERSION_NUM >= 160000

config_generic* find_setting(const char* name) {
    return find_option(name, false, true, 0);
}

char* alias_of(const char* name) {
    char* alias = MemoryContextStrdup(TopMemoryContext, name);
    hide_prefix(alias);
    char* last = alias + strlen(alias) - 1;
    *last = *last == '_' ? 'x' : '_';
    return alias;
}

const char* keep_name(const config_generic* placeholder) {
    return MemoryContextStrdup(TopMemoryContext, placeholder->name);
}

void free_kept_name(const char* name) {
    pfree(const_cast<char*>(name));
}

// add_placeholder_variable() makes a copy of the name that is the setting's own.
void take_name(config_generic* placeholder, const char* name) {
    memcpy(const_cast<char*>(placeholder->name), name, strlen(placeholder->name));
}

void exchange_names(config_generic* placeholder, config_generic* other, const char* name,
                    const char* alias) {
    take_name(other, alias);
    take_name(placeholder, name);
}

#else

config_generic* find_setting(const char* name) {
    int low = 0, high = GetNumConfigOptions();
    config_generic** all = ::get_guc_variables();
    while (low < high) {
        const int middle = (low + high) / 2;
        const int order = compare_setting_names(name, all[middle]->name);
        if (order == 0) return all[middle];
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return nullptr;
}

char* alias_of(const char* name) {
    constexpr char kSuffix[] = "$$$$hidden";
    const size_t size = strlen(name) + sizeof(kSuffix);
    auto* alias = static_cast<char*>(MemoryContextAlloc(TopMemoryContext, size));
    snprintf(alias, size, "%s%s", name, kSuffix);
    hide_prefix(alias);
    return alias;
}

const char* keep_name(const config_generic* placeholder) {
    return placeholder->name;
}

void free_kept_name(const char*) {}

void take_name(config_generic* placeholder, const char* name) {
    placeholder->name = name;
}

void exchange_names(config_generic* placeholder, config_generic* other, const char* name,
                    const char* alias) {
    config_generic** all = ::get_guc_variables();
    config_generic** end = all + GetNumConfigOptions();
    std::iter_swap(std::find(all, end, placeholder), std::find(all, end, other));
    placeholder->name = name;
    other->name = alias;
}

#endif

}  // namespace cache_ext::pg
