#include "pg/sql/put_at_once.hpp"

#include "pg/base/store_handle.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/load/values.hpp"
#include "pg/read/bypass.hpp"
#include "pg/read/held.hpp"
#include "pg/sql/given.hpp"
#include "pg/write/own_writes.hpp"

extern "C" {
#include "utils/memutils.h"
#include "utils/snapmgr.h"
}

namespace cache_ext::pg {
namespace {

using If = PutCondition::If;

// The writer that this transaction is registers with its commit, and the value, which is there
// before, does not know it: it would end with the commit that it was not to wait for.
void refuse_own_write(const Definition* d, const char* what) {
    ereport(ERROR,
            (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
             errmsg("%s cannot store a value for a key that this transaction has changed", what),
             errdetail("The commit would invalidate the value in cache \"%s\".", d->name),
             errhint("Use cache_put_%s without immediate: the commit stores the value.", d->name)));
}

void require_usable(const Definition* d, const Key& key, If when, const char* what) {
    if (TransactionIdIsValid(GetTopTransactionIdIfAny()) && changed_by_this_transaction(d, key)) {
        refuse_own_write(d, what);
    }
    if (when == If::kAlways) return;
    const core::Bypass reason = bypass_reason(d, key);
    if (reason == core::Bypass::kNone) return;
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("%s cannot tell what cache \"%s\" has", what, d->name),
                    errdetail("Reads do not use it here: %s.", bypass_text(reason))));
}

// Why the value is not stored, after all that has been checked.
void refuse(const Definition* d, core::PublishResult result, const char* what) {
    using core::PublishResult;
    if (result == PublishResult::kNoMemory || result == PublishResult::kOversized) {
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY),
                        errmsg("%s finds no memory for a value of cache \"%s\"", what, d->name),
                        errhint("Raise max_memory of the cache or cache_ext.memory.")));
    }
    if (result == PublishResult::kNoCache) {
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("cache \"%s\" is just being changed", d->name), errhint("Try again.")));
    }
    ereport(ERROR,
            (errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
             errmsg("%s cannot store a value in cache \"%s\" from a transaction that is too old",
                    what, d->name),
             errdetail("What the value depends on has changed since its snapshot was taken, or its "
                       "time is over."),
             errhint("Retry the transaction.")));
}

core::Ref* hazard_for(const char* what) {
    core::Ref* hazard = free_hazard();
    if (hazard != nullptr) return hazard;
    ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                    errmsg("%s cannot look at the value that is there", what),
                    errdetail("This query uses too many large values of caches at once."),
                    errhint("Call it in a statement of its own.")));
    pg_unreachable();
}

bool is_expected(const Definition* d, const core::NamedEntry& there,
                 const PutCondition& condition) {
    Datum stored = PointerGetDatum(there.value);
    if (!there.is_null && d->value_by_value) {
        stored = value_from_bytes(d, there.value, there.value_bytes);
    } else if (!there.is_null && there.packed) {
        stored = decompressed(stored);
    }
    return same_value(d, stored, there.is_null, condition.expected, condition.expected_null);
}

// Does the condition hold? Then *instead_of is the entry that it is true of, which is held until
// CurrentMemoryContext is reset; kNullRef: there is none.
bool holds(const Definition* d, core::CacheIndex index, const Key& key,
           const PutCondition& condition, const char* what, core::Ref* instead_of) {
    core::Ref* hazard = hazard_for(what);
    const core::Snapshot now = to_core(GetLatestSnapshot());
    const core::NamedEntry there = store().name_entry(index, key.view, now, hazard);
    if (there.ref != core::kNullRef) hold_for_context(hazard);
    if (there.result == core::LookupResult::kNotYet) {
        refuse(d, core::PublishResult::kUnusable, what);
    }
    *instead_of = there.ref;
    const bool present = there.result == core::LookupResult::kHit;
    if (condition.when == If::kAbsent) return !present;
    return present && is_expected(d, there, condition);
}

}  // namespace

bool put_at_once(const Definition* d, core::CacheIndex index, const Key& key, const PutValue& value,
                 const PutCondition& condition, const char* what) {
    require_no_loader(d, what);
    require_usable(d, key, condition.when, what);
    const bool own = find_pending_put(d, key) != nullptr;
    if (own && condition.when == If::kAbsent) return false;
    if (own && condition.when == If::kSame) {
        ereport(ERROR, (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION),
                        errmsg("%s cannot replace a value that this transaction has put", what),
                        errdetail("It is not stored before the commit."),
                        errhint("Commit first, or put the value with immediate => true.")));
    }
    if (value.period.over(now_ms())) refuse(d, core::PublishResult::kUnusable, what);
    PutTags tags;
    tags_of_put(d, key, &tags);
    core::PublishResult result = core::PublishResult::kChanged;
    while (result == core::PublishResult::kChanged) {
        CHECK_FOR_INTERRUPTS();
        MemoryContext scratch =
            AllocSetContextCreate(CurrentMemoryContext, "cache_ext put", ALLOCSET_SMALL_SIZES);
        MemoryContext old = MemoryContextSwitchTo(scratch);
        core::Fill fill = fill_of_put(index, d->id, key.view, value, tags, now_ms());
        fill.packed = !value.is_null && is_compressed(d, PointerGetDatum(value.bytes));
        fill.replace = condition.when == If::kAlways;
        fill.conditional = !fill.replace;
        const bool go_on = fill.replace || holds(d, index, key, condition, what, &fill.instead_of);
        if (go_on) {
            const core::Snapshot f = to_core(GetActiveSnapshot());
            // Nobody of now would be served it, and what is there would go for nothing.
            if (!agree_on_put(index, d->id, key.view, tags, f, to_core(GetLatestSnapshot()))) {
                refuse(d, core::PublishResult::kUnusable, what);
            }
            result = publish_put(fill, f);
        }
        MemoryContextSwitchTo(old);
        MemoryContextDelete(scratch);
        if (!go_on) return false;
    }
    if (result != core::PublishResult::kPublished) refuse(d, result, what);
    forget_pending_puts(d->id, key);
    return true;
}

}  // namespace cache_ext::pg
