#include "pg/catalog/definitions.hpp"

#include "pg/base/compat.hpp"

#include "pg/catalog/definition_rows.hpp"
#include "pg/base/guarded.hpp"
#include "pg/catalog/hard_writers.hpp"
#include "pg/base/memory.hpp"
#include "pg/catalog/reclaim.hpp"

extern "C" {
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "mb/pg_wchar.h"
#include "storage/lmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {

uint64 generation_of_definitions = 1;

namespace {

enum class State : uint8 { kUnknown, kAbsent, kKnown };

State state = State::kUnknown;
Definitions* current = nullptr;
bool held = false;
bool read_by_writer = false;
bool ddl_in_transaction = false;
bool read_again_later = false;  // once the transaction has ended
bool names_changed = false;     // of relations or schemas, since the definitions were read
// The extension is installed, but the library cannot use it. The state stays unknown then, so that
// every commit counts as one that could not find out what it has changed, and everybody looks
// again.
bool unusable = false;

// Where names were found last. What is of another generation may have been freed.
struct Recent {
    uint64 generation;
    const Definition* definition;
};
constexpr size_t kRecent = 64;
Recent recent[kRecent];

// Earlier readings, the newest first. Somebody up the stack may still use one: a function of ours
// that runs somebody's code, which has called another one.
Definitions* retired = nullptr;
int retired_count = 0;
// So many are kept until the transaction ends, whatever is known of who uses them.
constexpr int kKept = 8;

// How many of our functions are running somebody's code now. After an error it may be more than
// that; never less. By level of subtransaction, to come back to after its rollback.
int running_user_code = 0;
constexpr int kLevels = 64;
int running_at[kLevels];

void retire_current() {
    if (current == nullptr) return;
    current->retired = retired;
    retired = current;
    ++retired_count;
    current = nullptr;
}

void free_retired(Definitions** list) {
    while (*list != nullptr) {
        MemoryContext context = (*list)->context;
        *list = (*list)->retired;
        MemoryContextDelete(context);
    }
}

// The memory of a reading has gone. Mostly it was freed here; but a process that is terminated
// while it reads the definitions frees everything that its transaction has, catches nothing, and
// may still run one more transaction to drop its temporary tables.
void memory_gone(void* argument) {
    auto* all = static_cast<Definitions*>(argument);
    if (current == all) {
        current = nullptr;
        state = State::kUnknown;
        ++generation_of_definitions;
    }
    for (Definitions** list = &retired; *list != nullptr; list = &(*list)->retired) {
        if (*list != all) continue;
        *list = all->retired;
        --retired_count;
        break;
    }
}

void out_of_date() {
    state = State::kUnknown;
    if (!held) forget_extension();
    ++generation_of_definitions;
}

void relation_changed(Datum, Oid relation) {
    if (state == State::kUnknown) return;
    if (state == State::kKnown && OidIsValid(relation) && !is_own_table(relation)) {
        // While the tables are being read, any relation may turn out to matter.
        bool found = current->by_relation == nullptr;
        if (!found) hash_search(current->by_relation, &relation, HASH_FIND, &found);
        if (!found) return;
    }
    out_of_date();
}

void function_changed(Datum, SysCacheIdentifier, uint32) {
    out_of_date();
}

// By itself that moves nothing that is in use: a transaction that takes a name away is a hard
// writer. But where a name was lost it may be back.
void name_changed(Datum, SysCacheIdentifier, uint32) {
    names_changed = true;
    if (current != nullptr && current->lapsed) out_of_date();
}

void role_changed(Datum, SysCacheIdentifier, uint32) {
    ++generation_of_definitions;
}

// Of a version that the library does not know, or not made by that version's script. No error:
// DROP EXTENSION and ALTER EXTENSION have to work, and so has whatever changes tables.
void cannot_use(const Extension& found) {
    static bool warned = false;
    retire_current();
    ++generation_of_definitions;
    unusable = true;
    Extension version_only = {};
    strlcpy(version_only.version, found.version, sizeof(version_only.version));
    use_extension(version_only);
    // An update is of the new version before its script has run.
    if (warned || creating_extension) return;
    warned = true;
    report_version(WARNING, found.version);
}

// With what was read; nullptr: the extension is not installed.
void settle_blocks(const Attached* attached, const Definitions* all) {
    if (attached == nullptr) return;
    const int count = all != nullptr ? all->count : 0;
    auto* declared = make_array<uint64>(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) declared[i] = all->all[i].id;
    settle(attached, declared, count);
    pfree(declared);
}

void read_anew(bool wait) {
    Attached* attached = attached_blocks();
    Extension extension;
    const bool there = find_extension(&extension);
    unusable = false;
    if (there && (!is_known_version(extension.version) ||
                  !tables_are_ours(extension.definition_table, extension.dependency_table))) {
        if (attached != nullptr) pfree(attached);
        cannot_use(extension);
        return;
    }
    if (!there) {
        retire_current();
        ++generation_of_definitions;
        state = State::kAbsent;
        use_extension({});
        settle_blocks(attached, nullptr);
        return;
    }
    if (!wait) {
        lock_without_waiting(extension.definition_table);
        lock_without_waiting(extension.dependency_table);
    }
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "cache_ext definitions", ALLOCSET_SMALL_SIZES);
    MemoryContext old_context = MemoryContextSwitchTo(context);
    auto* all = static_cast<Definitions*>(palloc0(sizeof(Definitions)));
    *all = {};
    all->context = context;
    all->gone = {memory_gone, all, nullptr};
    MemoryContextRegisterResetCallback(context, &all->gone);
    all->extension = extension;
    use_extension(extension);
    // Anything that arrives while the tables are read makes them out of date at once.
    state = State::kKnown;
    names_changed = false;
    retire_current();
    current = all;
    ++generation_of_definitions;

    PG_TRY();
    { read_definitions(all); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(old_context);
        MemoryContextDelete(context);
        PG_RE_THROW();
    }
    PG_END_TRY();
    MemoryContextSwitchTo(old_context);
    MemoryContextSetParent(context, CacheMemoryContext);
    read_by_writer =
        read_by_writer || (ddl_in_transaction && TransactionIdIsValid(GetTopTransactionIdIfAny()));
    settle_blocks(attached, all);
    if (attached != nullptr) pfree(attached);
}

bool is_called(const Definition& d, const char* name, size_t size) {
    return memcmp(d.name, name, size) == 0 && d.name[size] == '\0';
}

const Definition* find(const char* name, size_t size) {
    if (!definitions_ready() || size == 0 || size >= NAMEDATALEN) return nullptr;
    const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8>(name[i])); };
    Recent& r = recent[(size + byte(0) + byte(size / 2) * 3 + byte(size - 1) * 7) % kRecent];
    if (r.generation == generation_of_definitions && is_called(*r.definition, name, size)) {
        return r.definition;
    }
    for (int i = 0; i < current->count; ++i) {
        if (!is_called(current->all[i], name, size)) continue;
        r = {generation_of_definitions, &current->all[i]};
        return r.definition;
    }
    return nullptr;
}

}  // namespace

bool definitions_ready() {
    // Messages may arrive meanwhile; they leave the state unknown, and a bounded number of
    // further rounds follows. After that the newest reading is as good as any.
    for (int i = 0; state == State::kUnknown && !held && i < 5; ++i) {
        read_anew(true);
        if (unusable) break;
    }
    return current != nullptr;
}

bool definitions_usable() {
    return definitions_ready() || !unusable;
}

void read_definitions_without_waiting() {
    for (int i = 0; state == State::kUnknown && i < 5; ++i) {
        read_anew(false);
        if (unusable) extension_oid();  // says why not
    }
}

void hold_definitions(bool hold) {
    held = hold;
    if (!held && state == State::kUnknown) forget_extension();
}

bool definitions_known() {
    return state != State::kUnknown || (held && current != nullptr);
}

void notice_changed_names() {
    if (names_changed) out_of_date();
}

void invalidate_definitions() {
    out_of_date();
}

const Definition* find_definition(const char* name) {
    return find(name, strlen(name));
}

const Definition* find_definition_by_id(uint64 id) {
    if (!definitions_ready()) return nullptr;
    for (int i = 0; i < current->count; ++i) {
        if (current->all[i].id == id) return &current->all[i];
    }
    return nullptr;
}

const Definition* require_definition(const char* name) {
    return require_definition(name, strlen(name));
}

const Definition* require_definition(const char* name, size_t size) {
    const Definition* d = find(name, size);
    if (d == nullptr && unusable) extension_oid();  // says why not
    if (d == nullptr && definitions_ready() &&
        is_function_of_cache(psprintf("cache_get_%s", pnstrdup(name, size)))) {
        ereport(ERROR,
                (errcode(ERRCODE_UNDEFINED_OBJECT),
                 errmsg("cache \"%.*s\" is not declared", static_cast<int>(size), name),
                 errdetail("Its accessor is there, but not its row of cache_definition; a dump of "
                           "the schema alone leaves that out."),
                 errhint("Declare it with cache_create('%.*s', ...) and cache_invalidate_on, or "
                         "restore the rows of cache_definition and cache_dependency.",
                         static_cast<int>(size), name)));
    }
    if (d == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT),
                        errmsg("cache \"%.*s\" does not exist",
                               pg_mbcliplen(name, static_cast<int>(size), NAMEDATALEN - 1), name),
                        errhint("SELECT cache FROM cache_stat lists the caches of this database; "
                                "cache_create declares one.")));
    }
    return d;
}

int definition_count() {
    return definitions_ready() ? current->count : 0;
}
const Definition* definition_at(int i) {
    return &current->all[i];
}

const RelationDependencies* dependencies_of(Oid relation) {
    if (!definitions_ready()) return nullptr;
    auto* slot = static_cast<RelationSlot*>(
        hash_search(current->by_relation, &relation, HASH_FIND, nullptr));
    return slot != nullptr ? &current->relations[slot->index] : nullptr;
}

bool is_declared_for(uint64 cache, Oid relation, uint64 disproven) {
    const RelationDependencies* r = dependencies_of(relation);
    bool declared = false;
    for (int i = 0; r != nullptr && i < r->count; ++i) {
        const Dependency& dep = r->dependencies[i];
        if (dep.definition->id != cache || dep.kind == DependencyKind::kVia) continue;
        if (dep.derived && dep.definition->derivation <= disproven) return false;
        declared = true;
    }
    return declared;
}

int dependency_relation_count() {
    return definitions_ready() ? current->relation_count : 0;
}
const RelationDependencies& dependency_relation_at(int i) {
    return current->relations[i];
}

const Definition* refresh_if_older(const Definition* definition) {
    const bool older = misses_hard_writer(definition->session->index, definition->read_under);
    if (!older && definitions_known()) return definition;
    const uint64 id = definition->id;
    if (older) invalidate_definitions();
    return find_definition_by_id(id);
}

bool keep_extension() {
    // Who waited for the lock may find another extension, or none.
    for (Oid locked = InvalidOid; definitions_ready(); lock_extension(locked, AccessShareLock)) {
        if (locked == extension_oid()) return true;
        locked = extension_oid();
    }
    return false;
}

void require_extension() {
    if (!keep_extension()) extension_oid();
}

void lock_extension(Oid extension, LOCKMODE mode) {
    // Not PostgreSQL's own lock on the object: whoever owns any function can get hold of that one,
    // by ALTER FUNCTION ... DEPENDS ON EXTENSION. As a column of the extension it is ours alone.
    LockDatabaseObject(ExtensionRelationId, extension, 1, mode);
}

void install_definition_callbacks() {
    CacheRegisterRelcacheCallback(relation_changed, 0);
    CacheRegisterSyscacheCallback(PROCOID, function_changed, 0);
    for (const SysCacheIdentifier cache : {NAMESPACEOID, RELOID}) {
        CacheRegisterSyscacheCallback(cache, name_changed, 0);
    }
    // What a role may do also hangs on its memberships, its attributes, and the owner of the
    // database: acl.c asks anew after a change of these.
    for (const SysCacheIdentifier cache : {AUTHMEMROLEMEM, AUTHOID, DATABASEOID}) {
        CacheRegisterSyscacheCallback(cache, role_changed, 0);
    }
}

void transaction_aborted_for_definitions() {
    if (read_by_writer) invalidate_definitions();
}

void transaction_ended_for_definitions() {
    read_by_writer = false;
    ddl_in_transaction = false;
    if (read_again_later) out_of_date();
    read_again_later = false;
}

void read_definitions_after_transaction() {
    read_again_later = true;
}

bool definitions_to_be_read() {
    return read_again_later;
}

void note_ddl() {
    ddl_in_transaction = true;
}

bool ddl_noted() {
    return ddl_in_transaction;
}

void enter_user_code() {
    ++running_user_code;
}
void leave_user_code() {
    --running_user_code;
}

void subtransaction_started_for_definitions(int level) {
    if (level < kLevels) running_at[level] = running_user_code;
}
void subtransaction_aborted_for_definitions(int level) {
    if (level < kLevels) running_user_code = running_at[level];
}

void forget_unused_definitions() {
    if (retired_count <= kKept || running_user_code > 0) return;
    Definitions* last = retired;
    for (int i = 1; i < kKept; ++i) last = last->retired;
    free_retired(&last->retired);
    retired_count = kKept;
}

void free_retired_definitions() {
    free_retired(&retired);
    retired_count = 0;
    running_user_code = 0;
}

}  // namespace cache_ext::pg
