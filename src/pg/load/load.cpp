#include "pg/load/load.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/pinned_settings.hpp"
#include "pg/load/aggregate_values.hpp"
#include "pg/load/running_load.hpp"
#include "pg/load/temporary.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/instrument.h"
#include "portability/instr_time.h"
#include "utils/acl.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
}

namespace cache_ext::pg {
namespace {

[[noreturn]] void loader_changed(const Definition* d) {
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION),
             d->aggregates ? errmsg("loader %s of aggregate cache \"%s\" is not the function that "
                                    "was made for it",
                                    d->loader_name, d->name)
             : d->loader_changed
                 ? errmsg("loader %s of cache \"%s\" no longer returns %s", d->loader_name, d->name,
                          format_type_be(d->value_type))
                 : errmsg("loader %s of cache \"%s\" does not exist", d->loader_name, d->name),
             d->aggregates
                 ? errhint("Declare the cache anew: cache_drop('%s'), then cache_create_aggregate.",
                           d->name)
                 : errhint("Create the function again as it was, or declare the cache anew: "
                           "cache_drop('%s'), then cache_create.",
                           d->name)));
    pg_unreachable();
}

// What was declared was told to this statement before somebody dropped it.
void require_loader(const Definition* d) {
    if (SearchSysCacheExists1(PROCOID, ObjectIdGetDatum(d->loader))) return;
    ereport(ERROR,
            (errcode(ERRCODE_UNDEFINED_FUNCTION),
             errmsg("loader %s of cache \"%s\" was dropped meanwhile", d->loader_name, d->name),
             errhint("If the cache was declared anew, repeat the statement.")));
}

// nullptr: the cache is none.
const Aggregate* aggregate_for_load(const Definition* d) {
    if (!d->aggregates) return nullptr;
    const Aggregate* a = aggregate_of(d);
    if (a == nullptr) loader_changed(d);
    return a;
}

// What an aggregate's loader has returned becomes the row of its measures.
void read_parts(const Definition* d, const Aggregate* a, Loaded* loaded) {
    const Datum parts = loaded->value;
    if (loaded->is_null) loader_changed(d);
    loaded->value = row_of_parts(d, a, parts);
    core::Amount amounts[core::kMaxAmounts];
    if (!amounts_of_parts(a, parts, amounts)) return;
    const Size bytes = sizeof(core::Amount) * static_cast<Size>(a->amount_count);
    loaded->groups = a->groups;
    loaded->amounts = static_cast<const uint8*>(memcpy(palloc(bytes), amounts, bytes));
}

}  // namespace

List* settings_to_pin() {
    List* list = NIL;
    for (int i = 0; pinned_setting(i) != nullptr; ++i) {
        const char* name = pinned_setting(i);
        const char* value = GetConfigOption(name, true, false);
        if (value == nullptr) continue;
        if (strcmp(name, "search_path") == 0) {
            value = without_temporary_schemas(value);
        }
        list = lappend(list, psprintf("%s=%s", name, value));
    }
    return list;
}

Loaded run_loader(const Definition* d, const Datum* arguments, const bool* nulls, Oid collation,
                  const core::KeyView& key) {
    if (d->loader_taken) {
        const char* owner = GetUserNameFromId(d->owner, true);
        ereport(
            ERROR,
            (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
             errmsg("loader %s of cache \"%s\" is not the function that it was declared with",
                    d->loader_name, d->name),
             errdetail("That one was dropped, and this one belongs to a role that may not act "
                       "as the cache's owner, %s.",
                       owner),
             errhint("If it is the right one, make it that role's with ALTER FUNCTION ... OWNER "
                     "TO %s, or declare the cache anew: cache_drop('%s'), then cache_create.",
                     owner, d->name)));
    }
    if (!OidIsValid(d->loader) || d->loader_changed) loader_changed(d);
    require_loader(d);
    const FromReader passed = from_reader(d, key);
    const Oid user = OidIsValid(passed.role) ? passed.role : d->owner;
    if (object_aclcheck(ProcedureRelationId, d->loader, user, ACL_EXECUTE) != ACLCHECK_OK) {
        const char* name = GetUserNameFromId(user, true);
        ereport(ERROR,
                (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                 errmsg("permission denied for loader %s of cache \"%s\"", d->loader_name, d->name),
                 OidIsValid(passed.role) ? errdetail("It runs as its reader, %s.", name)
                                         : errdetail("It runs as the cache's owner, %s.", name),
                 errhint("GRANT EXECUTE ON FUNCTION %s to that role.", d->loader_name)));
    }

    FmgrInfo function;
    fmgr_info(d->loader, &function);
    LOCAL_FCINFO(call, kMaxKeyColumns);
    InitFunctionCallInfoData(*call, &function, static_cast<short>(d->columns), collation, nullptr,
                             nullptr);
    bool skip = false;
    for (int i = 0; i < d->columns; ++i) {
        call->args[i].value = arguments[i];
        call->args[i].isnull = nulls[i];
        skip = skip || (function.fn_strict && nulls[i]);
    }
    Loaded loaded;
    if (skip) return loaded;  // as the executor does
    const Aggregate* aggregate = aggregate_for_load(d);

    loaded.here_only = spoil_load(as_owner_of(d, passed, [&] {
        instr_time start, end;
        INSTR_TIME_SET_CURRENT(start);
        loaded.value = FunctionCallInvoke(call);
        INSTR_TIME_SET_CURRENT(end);
        INSTR_TIME_SUBTRACT(end, start);
        loaded.load_us =
            static_cast<uint32>(std::min<uint64>(UINT32_MAX, INSTR_TIME_GET_MICROSEC(end)));
        loaded.is_null = call->isnull;
        if (aggregate != nullptr) {
            read_parts(d, aggregate, &loaded);
        } else if (!loaded.is_null && d->value_length == -1) {
            loaded.value = PointerGetDatum(PG_DETOAST_DATUM(loaded.value));
        }
    }));
    return loaded;
}

}  // namespace cache_ext::pg
