#include "pg/load/session_inputs.hpp"

#include "pg/base/compat.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/load/hidden_settings.hpp"
#include "pg/load/run.hpp"

extern "C" {
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {

// How this session evaluates the inputs of a cache. Lives as long as the definition.
struct InputPlan {
    bool tells_session;  // one of them does
    ExprContext* context;
    SessionInput inputs[kMaxSessionInputs];
    ExprState* states[kMaxSessionInputs];  // kExpression
};

namespace {

static_assert(kMaxSessionInputs <= kMaxKeyColumns);

InputPlan* make_plan(const Definition* d) {
    auto* plan = static_cast<InputPlan*>(palloc0(sizeof(InputPlan)));
    plan->context = CreateStandaloneExprContext();
    for (int i = 0; i < d->input_count; ++i) {
        SessionInput& input = plan->inputs[i];
        input = checked_input(d->inputs[i]);
        plan->tells_session = plan->tells_session || input.tells_session;
        if (input.kind != SessionInput::Kind::kExpression) continue;
        plan->states[i] = ExecInitExpr(expression_planner(input.expression), nullptr);
    }
    return plan;
}

const InputPlan* plan_of(const Definition* d) {
    InputPlan*& plan = d->session->inputs;
    if (plan != nullptr) return plan;
    // Kept once it is complete.
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "cache_ext session inputs",
                                                  ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    InputPlan* made = make_plan(d);
    MemoryContextSwitchTo(old);
    MemoryContextSetParent(context, GetMemoryChunkContext(d->session));
    plan = made;
    return plan;
}

// As text; nullptr: NULL.
const char* value_of(const InputPlan* plan, int i) {
    const SessionInput& input = plan->inputs[i];
    switch (input.kind) {
        case SessionInput::Kind::kSetting:
            return GetConfigOptionByName(input.setting, nullptr, input.missing_ok);
        case SessionInput::Kind::kUser:
            return GetUserNameFromId(GetUserId(), false);
        case SessionInput::Kind::kExpression:
            break;
    }
    bool null;
    const Datum value = ExecEvalExprSwitchContext(plan->states[i], plan->context, &null);
    return null ? nullptr : TextDatumGetCString(value);
}

// The bytes: which declaration; the role, if loaders run as it; then each value with its length, or
// that it is NULL.
constexpr uint8 kNull = 0;
constexpr uint8 kValue = 1;

void append_value(StringInfo out, const char* value) {
    const uint8 kind = value != nullptr ? kValue : kNull;
    appendBinaryStringInfo(out, reinterpret_cast<const char*>(&kind), 1);
    if (value == nullptr) return;
    const auto size = static_cast<uint32>(strlen(value));
    appendBinaryStringInfo(out, reinterpret_cast<const char*>(&size), sizeof(size));
    appendBinaryStringInfo(out, value, static_cast<int>(size));
}

// Reads what append_value wrote; false: it is something else.
bool next_value(const uint8** at, const uint8* end, const char** value) {
    *value = nullptr;
    if (*at >= end || **at > kValue) return false;
    if (*(*at)++ == kNull) return true;
    uint32 size;
    if (end - *at < static_cast<ptrdiff_t>(sizeof(size))) return false;
    memcpy(&size, *at, sizeof(size));
    *at += sizeof(size);
    if (size > static_cast<uint64>(end - *at)) return false;
    *value = pnstrdup(reinterpret_cast<const char*>(*at), size);
    *at += size;
    return true;
}

// The values of an encoded key; false: it is of another declaration.
bool read_values(const Definition* d, const uint8* key, uint32 size, Oid* role,
                 const char** values) {
    *role = InvalidOid;
    const uint8* at = end_of_columns(d, key, size);
    const uint8* end = key + size;
    if (at == nullptr || end - at < static_cast<ptrdiff_t>(sizeof(uint64)) ||
        memcmp(at, &d->inputs_hash, sizeof(uint64)) != 0) {
        return false;
    }
    at += sizeof(uint64);
    if (d->as_reader) {
        if (end - at < static_cast<ptrdiff_t>(sizeof(Oid))) return false;
        memcpy(role, at, sizeof(Oid));
        at += sizeof(Oid);
    }
    for (int i = 0; i < d->input_count; ++i) {
        if (!next_value(&at, end, &values[i])) return false;
    }
    return at == end;
}

}  // namespace

void add_session_inputs(const Definition* d, Key* key) {
    const InputPlan* plan = plan_of(d);
    if (inside_run()) {
        // As in a loader that asks itself.
        hide_unset_settings();
        if (plan->tells_session) mark_run(core::Bypass::kSessionSetting);
    }
    StringInfoData bytes;
    initStringInfo(&bytes);
    appendBinaryStringInfo(&bytes, reinterpret_cast<const char*>(&d->inputs_hash), sizeof(uint64));
    const Oid role = GetUserId();
    if (d->as_reader) {
        appendBinaryStringInfo(&bytes, reinterpret_cast<const char*>(&role), sizeof(role));
    }
    for (int i = 0; i < d->input_count; ++i) append_value(&bytes, value_of(plan, i));
    ResetExprContext(plan->context);
    add_hidden_part(key, reinterpret_cast<const uint8*>(bytes.data),
                    static_cast<uint32>(bytes.len));
    pfree(bytes.data);
}

void encode_key_like(const Definition* d, const Datum* values, const bool* nulls,
                     const core::KeyView& like, Key* key) {
    encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, key);
    if (!d->varies()) return;
    const uint8* hidden = end_of_columns(d, like.bytes, like.size);
    add_hidden_part(key, hidden, static_cast<uint32>(like.bytes + like.size - hidden));
}

bool is_of_this_declaration(const Definition* d, const core::KeyView& key) {
    const char* values[kMaxSessionInputs];
    Oid role;
    return read_values(d, key.bytes, key.size, &role, values);
}

const char* left_to_readers(const Definition* d, const core::KeyView& key) {
    const char* values[kMaxSessionInputs];
    Oid role;
    if (!d->varies()) return nullptr;
    if (!d->others_load) return "they vary by more than settings and the role";
    if (!read_values(d, key.bytes, key.size, &role, values)) {
        return "the key is of another declaration";
    }
    const InputPlan* plan = plan_of(d);
    for (int i = 0; i < d->input_count; ++i) {
        const char* setting = plan->inputs[i].setting;
        if (plan->inputs[i].kind == SessionInput::Kind::kSetting && !is_applications(setting)) {
            return psprintf("setting %s is a library's", setting);
        }
    }
    if (!d->as_reader) return nullptr;
    const char* name = GetUserNameFromId(role, true);
    if (name == nullptr) return psprintf("role %u does not exist any more", role);
    if (!has_privs_of_role(d->owner, role)) {
        return psprintf("the cache's owner has not the privileges of role \"%s\"", name);
    }
    for (const Oid function : {d->accessor, d->loader}) {
        if (object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE) != ACLCHECK_OK) {
            return psprintf("role \"%s\" may not read the cache any more", name);
        }
    }
    return nullptr;
}

FromReader from_reader(const Definition* d, const core::KeyView& key) {
    FromReader passed = {};
    const char* values[kMaxSessionInputs];
    if (!d->varies()) return passed;
    if (!read_values(d, key.bytes, key.size, &passed.role, values)) {
        // Never as somebody else than the key says.
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                 errmsg("cache \"%s\" is just being changed", d->name), errhint("Try again.")));
    }
    const InputPlan* plan = plan_of(d);
    for (int i = 0; i < d->input_count; ++i) {
        if (plan->inputs[i].kind != SessionInput::Kind::kSetting || values[i] == nullptr) continue;
        passed.all[passed.count++] = {plan->inputs[i].setting, values[i]};
    }
    return passed;
}

bool tells_setting(const Definition* d, const char* name) {
    const InputPlan* plan = plan_of(d);
    for (int i = 0; i < d->input_count; ++i) {
        const SessionInput& input = plan->inputs[i];
        if (input.kind == SessionInput::Kind::kSetting &&
            compare_setting_names(input.setting, name) == 0) {
            return true;
        }
    }
    return false;
}

bool tells_session_user(const Definition* d) {
    const InputPlan* plan = plan_of(d);
    return std::any_of(plan->inputs, plan->inputs + d->input_count,
                       [](const SessionInput& input) { return input.session_user; });
}

bool said_same_for_all(const Definition* d, const char* setting) {
    for (int i = 0; i < d->same_count; ++i) {
        const char* said = d->same_for_all[i];
        if (strcmp(said, "*") == 0) return true;
        if (setting != nullptr && compare_setting_names(said, setting) == 0) return true;
    }
    return false;
}

Datum inputs_as_array(const Definition* d, const uint8* key, uint32 size) {
    const char* values[1 + kMaxSessionInputs];
    const char** all = values;
    Oid role;
    if (!read_values(d, key, size, &role, values + 1)) return 0;
    if (d->as_reader) {
        values[0] = GetUserNameFromId(role, true);
    } else {
        ++all;
    }
    int dimension = d->input_count + (d->as_reader ? 1 : 0);
    Datum texts[1 + kMaxSessionInputs];
    bool nulls[1 + kMaxSessionInputs];
    for (int i = 0; i < dimension; ++i) {
        nulls[i] = all[i] == nullptr;
        texts[i] = nulls[i] ? 0 : CStringGetTextDatum(all[i]);
    }
    int first = 1;
    return PointerGetDatum(
        construct_md_array(texts, nulls, 1, &dimension, &first, TEXTOID, -1, false, TYPALIGN_INT));
}

const uint8* end_of_columns(const Definition* d, const uint8* key, uint32 size) {
    return skip_key(key, key + size, d->columns, d->key_types);
}

}  // namespace cache_ext::pg
