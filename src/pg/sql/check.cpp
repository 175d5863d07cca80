// cache_check: what the values of a cache depend on, and how that is covered.
#include "pg/sql/check.hpp"

#include "pg/base/store_handle.hpp"
#include "pg/base/text_rows.hpp"
#include "pg/catalog/arguments.hpp"
#include "pg/catalog/control_blocks.hpp"
#include "pg/catalog/counters.hpp"
#include "pg/catalog/rights.hpp"
#include "pg/catalog/vary_by.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/declare/derive.hpp"
#include "pg/load/coverage.hpp"
#include "pg/load/loader_inputs.hpp"
#include "pg/load/loader_limits.hpp"
#include "pg/load/session_inputs.hpp"
#include "pg/write/path_checks.hpp"

extern "C" {
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/json.h"
}

namespace cache_ext::pg {
namespace {

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
CheckedInput text_input(const Definition* d, const TextInput& input) {
    CheckedInput row = {
        input_name(input), input_kind_name(input.kind), NIL, "ttl", nullptr, nullptr, false};
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
            row.answered = d->calendar.unit != Unit::kNone;
            if (!row.answered) row.more_precise = altered(d, "{\"expires\": \"day\"}");
            break;
        case InputKind::kSetting:
            if (in_key) break;
            row.invalidates = "nothing: it is that of a new session of the owner, for all readers";
            if (is_unnamed(d, input)) {
                row.covered = "none";
                row.invalidates = "nothing: what depends on it is not cached";
            } else if (said_same_for_all(d, input.name)) {
                row.invalidates = "nothing: it is said to be the same for all readers";
                row.answered = true;
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
    return row;
}

// Has the text said so already?
bool names_input(List* inputs, bool setting, const char* name) {
    ListCell* cell;
    foreach (cell, inputs) {
        const auto* input = static_cast<const TextInput*>(lfirst(cell));
        const bool fits = setting ? input->kind == InputKind::kSetting
                                  : input->kind == InputKind::kVolatileFunction ||
                                        input->kind == InputKind::kSession;
        if (fits && input->name != nullptr && strcmp(input->name, name) == 0) return true;
    }
    return false;
}

// What has kept the last load from being published, or has bound it to its ttl; what a load read
// that is not declared.
List* add_refused(List* rows, const Definition* d, const LoaderAnalysis* proven, List* others) {
    const Refusal last = last_refusal(d);
    const char* name = refused_object(d, last);
    const char* kind = refused_kind(d, last);
    const bool setting = strcmp(kind, input_kind_name(InputKind::kSetting)) == 0;
    if (name == nullptr || (last.is_function && names_input(others, setting, name))) return rows;
    CheckedInput input = {
        name,
        kind,
        NIL,
        bounds_only(last.reason) && (d->untracked_too || !d->tracks) ? "ttl" : "none",
        psprintf("nothing: %s", refusal_reason(last)),
        nullptr,
        false};
    if (last.reason == core::Bypass::kVolatileFunction && last.object >= FirstGenbkiObjectId) {
        input.more_precise = psprintf("ALTER FUNCTION %s STABLE", input.name);
    } else if (setting && strlen(name) + MAX_MULTIBYTE_CHAR_LEN < core::kMaxAskedBytes) {  // whole
        input.more_precise = named_setting(d, name);
    } else if (last.undeclared) {
        input.more_precise = proven_statements(d, proven, last.object);
    }
    return add_input(rows, input);
}

}  // namespace

List* checked_inputs(const char* cache) {
    // Each step may find that somebody has dropped it.
    const Definition* d = find_definition(cache);
    List* others = d != nullptr ? inputs_by_text(d, NIL, nullptr) : NIL;
    d = find_definition(cache);
    const LoaderAnalysis* proven = d != nullptr ? analysis_of(d, GetUserId()) : nullptr;
    d = find_definition(cache);
    const bool fails = d != nullptr && proof_of_derived(d) == Proof::kFails;
    d = find_definition(cache);
    if (d == nullptr) return NIL;
    const bool attached = control_block(d) != core::kNoCache;
    const bool disproven = fails || is_tracked_instead(d);
    List* rows = declared_inputs(d, proven, disproven);
    if (attached) {
        rows = list_concat(rows, tracked_inputs(d, proven, disproven));
        rows = add_refused(rows, d, proven, others);
    }
    ListCell* cell;
    foreach (cell, others) {
        rows = add_input(rows, text_input(d, *static_cast<const TextInput*>(lfirst(cell))));
    }
    return rows;
}

extern "C" {
PG_FUNCTION_INFO_V1(cache_check_1_0);
}

// cache_check(name text) RETURNS TABLE (input, kind, columns, covered, invalidates, more_precise)
extern "C" Datum cache_check_1_0(PG_FUNCTION_ARGS) {
    InitMaterializedSRF(fcinfo, 0);
    const auto* set = reinterpret_cast<ReturnSetInfo*>(fcinfo->resultinfo);
    const Definition* d = named_cache(fcinfo);
    require_owner(d);
    require_store("cache_check");
    const bool tracks = d->tracks;
    ListCell* cell;
    foreach (cell, checked_inputs(pstrdup(d->name))) {
        const auto* row = static_cast<const CheckedInput*>(lfirst(cell));
        const char* texts[] = {row->name,
                               row->kind,
                               row->columns != NIL ? array_literal(row->columns) : nullptr,
                               row->covered,
                               row->invalidates,
                               row->more_precise};
        put_texts(set, texts);
    }
    const char* rest[] = {
        "whatever else its loader reads", nullptr, nullptr, "ttl", "nothing", nullptr};
    if (!tracks) put_texts(set, rest);
    PG_RETURN_VOID();
}

}  // namespace cache_ext::pg
