#include "pg/base/compat.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

#include "pg/base/memory.hpp"

extern "C" {
#include "catalog/pg_class.h"
#include "catalog/pg_database.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "parser/parse_relation.h"
#include "utils/memutils.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"
#include "utils/wait_event.h"
}

namespace cache_ext::pg {

// --- transactions and processes ---

uint32 wait_event(Wait wait) {
#if PG_VERSION_NUM >= 170000
    constexpr const char* kNames[] = {"CacheExtLauncherMain", "CacheExtWorkerMain", "CacheExtLoad",
                                      "CacheExtWorkersGone", "CacheExtRetry"};
    static uint32 events[std::size(kNames)] = {};
    uint32& event = events[static_cast<int>(wait)];
    if (event == 0) event = WaitEventExtensionNew(kNames[static_cast<int>(wait)]);
    return event;
#else
    (void)wait;
    return PG_WAIT_EXTENSION;
#endif
}

HeldTimeout hold_transaction_timeout() {
    HeldTimeout held = {};
#if PG_VERSION_NUM >= 170000
    if (get_timeout_active(TRANSACTION_TIMEOUT)) {
        held = {GetCurrentTimestamp(), get_timeout_finish_time(TRANSACTION_TIMEOUT)};
        disable_timeout(TRANSACTION_TIMEOUT, false);
    }
#endif
    return held;
}

void release_transaction_timeout(const HeldTimeout& held) {
#if PG_VERSION_NUM >= 170000
    if (held.due == 0) return;
    enable_timeout_at(TRANSACTION_TIMEOUT, held.due + (GetCurrentTimestamp() - held.since));
#else
    (void)held;
#endif
}

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
        case TypeRelationId:
            return pg_type_ownercheck(object_id, role);
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

// --- EXPLAIN ---

#if PG_VERSION_NUM >= 180000

namespace {

ExplainOption explain_option = {};
int explain_id = 0;
explain_per_plan_hook_type previous_explain = nullptr;
explain_validate_options_hook_type previous_check = nullptr;

void read_explain_option(ExplainState* es, DefElem* option, ParseState*) {
    SetExplainExtensionState(es, explain_id,
                             defGetBoolean(option) ? explain_option.begin() : nullptr);
}

void check_explain_options(ExplainState* es, List* options, ParseState* parsing) {
    if (previous_check != nullptr) previous_check(es, options, parsing);
    if (!es->analyze && GetExplainExtensionState(es, explain_id) != nullptr) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("EXPLAIN option %s requires ANALYZE", explain_option.shown_name)));
    }
}

void explain_plan(PlannedStmt* plan, IntoClause* into, ExplainState* es, const char* text,
                  ParamListInfo parameters, QueryEnvironment* environment) {
    if (previous_explain != nullptr) {
        previous_explain(plan, into, es, text, parameters, environment);
    }
    void* state = GetExplainExtensionState(es, explain_id);
    if (state != nullptr) explain_option.report(state, es);
}

}  // namespace

void install_explain_option(const ExplainOption& option) {
    explain_option = option;
    explain_id = GetExplainExtensionId(option.name);
#if PG_VERSION_NUM >= 190000
    RegisterExtensionExplainOption(option.name, read_explain_option, GUCCheckBooleanExplainOption);
#else
    RegisterExtensionExplainOption(option.name, read_explain_option);
#endif
    previous_check = explain_validate_options_hook;
    explain_validate_options_hook = check_explain_options;
    previous_explain = explain_per_plan_hook;
    explain_per_plan_hook = explain_plan;
}

#else

void install_explain_option(const ExplainOption&) {}

#endif

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

#if PG_VERSION_NUM >= 160000

namespace {

// The head of the server's list of changed settings, which is a ring: what is in it and in no
// setting. It lies in the server's own memory, so processes that are forked find it in the same
// place.
const dlist_node* changed_list = nullptr;

config_generic* setting_at(const dlist_node* node) {
    return reinterpret_cast<config_generic*>(
        reinterpret_cast<char*>(const_cast<dlist_node*>(node)) -
        offsetof(config_generic, nondef_link));
}

void find_changed_list() {
    int count;
    config_generic** all = get_guc_variables(&count);
    config_generic** end = all + count;
    std::sort(all, end);
    // The command line alone has changed some.
    config_generic** one =
        std::find_if(all, end, [](const config_generic* v) { return v->source != PGC_S_DEFAULT; });
    if (one == end) return;
    const dlist_node* start = &(*one)->nondef_link;
    for (const dlist_node* n = start->next; n != start; n = n->next) {
        if (!std::binary_search(all, end, setting_at(n))) changed_list = n;
    }
}

}  // namespace

int changed_settings(config_generic*** settings) {
    if (changed_list == nullptr) elog(ERROR, "the server's list of changed settings was not found");
    size_t count = 0;
    for (const dlist_node* n = changed_list->next; n != changed_list; n = n->next) ++count;
    *settings = make_array<config_generic*>(count + 1);
    config_generic** to = *settings;
    for (const dlist_node* n = changed_list->next; n != changed_list; n = n->next) {
        *to++ = setting_at(n);
    }
    return static_cast<int>(count);
}

void install_compat() {
    find_changed_list();
}

config_generic* find_setting(const char* name) {
    return find_option(name, false, true, 0);
}

char* alias_of(const char* name) {
    char* alias = MemoryContextStrdup(TopMemoryContext, name);
    alias[0] = '\1';
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

bool exchange_names(config_generic* placeholder, config_generic* other, const char* name,
                    const char* alias) {
    take_name(other, alias);
    take_name(placeholder, name);
    return true;
}

GucSource take_source(config_generic* v) {
    if (v->source != PGC_S_DEFAULT) {
        v->nondef_link.prev->next = v->nondef_link.next;
        v->nondef_link.next->prev = v->nondef_link.prev;
    }
    return std::exchange(v->source, PGC_S_DEFAULT);
}

void give_source(config_generic* v, GucSource source) {
    v->source = source;
    if (source == PGC_S_DEFAULT) return;
    auto* head = const_cast<dlist_node*>(changed_list);
    v->nondef_link.next = head;
    v->nondef_link.prev = head->prev;
    head->prev->next = &v->nondef_link;
    head->prev = &v->nondef_link;
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

int changed_settings(config_generic*** settings) {
    config_generic** all = ::get_guc_variables();
    config_generic** end = all + GetNumConfigOptions();
    *settings = make_array<config_generic*>(static_cast<size_t>(end - all));
    return static_cast<int>(
        std::copy_if(all, end, *settings,
                     [](const config_generic* v) { return v->source != PGC_S_DEFAULT; }) -
        *settings);
}

void install_compat() {}

char* alias_of(const char* name) {
    const size_t size = strlen(name) + sizeof("\1");
    auto* alias = static_cast<char*>(MemoryContextAlloc(TopMemoryContext, size));
    snprintf(alias, size, "%s\1", name);
    // The order does not see the case. A library that reserves its prefix does, and none shouts.
    for (char* c = alias; *c != '\0' && *c != '.'; ++c) {
        if (*c >= 'a' && *c <= 'z') *c ^= 'a' - 'A';
    }
    return alias;
}

const char* keep_name(const config_generic* placeholder) {
    return placeholder->name;
}

void free_kept_name(const char*) {}

void take_name(config_generic* placeholder, const char* name) {
    placeholder->name = name;
}

bool exchange_names(config_generic* placeholder, config_generic* other, const char* name,
                    const char* alias) {
    config_generic** all = ::get_guc_variables();
    config_generic** end = all + GetNumConfigOptions();
    config_generic** place = std::find(all, end, placeholder);
    config_generic** others = std::find(all, end, other);
    if (place == end || others == end) return false;
    std::iter_swap(place, others);
    placeholder->name = name;
    other->name = alias;
    return true;
}

GucSource take_source(config_generic* v) {
    return std::exchange(v->source, PGC_S_DEFAULT);
}

void give_source(config_generic* v, GucSource source) {
    v->source = source;
}

#endif

}  // namespace cache_ext::pg
