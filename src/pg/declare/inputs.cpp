#include "pg/declare/inputs.hpp"

#include "pg/catalog/vary_by.hpp"
#include "pg/load/loader_inputs.hpp"
#include "pg/load/loader_limits.hpp"
#include "pg/load/hidden_settings.hpp"
#include "pg/load/session_inputs.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/builtins.h"
}

namespace cache_ext::pg {
namespace {

constexpr const char* kTtl = "Or let values live until their ttl: undeclared => 'ttl'.";

void refuse_volatile(const char* cache, const TextInput* input) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
             errmsg("values of cache \"%s\" could not be cached: its loader calls %s, which is "
                    "VOLATILE",
                    cache, input->name),
             OidIsValid(input->function)
                 ? errhint("If it only reads, declare it so: ALTER FUNCTION %s STABLE. %s",
                           input->name, kTtl)
                 : errhint("Call it where the value is read. %s", kTtl)));
}

void refuse_session(const char* cache, const TextInput* input, bool ttl_helps) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
             errmsg("values of cache \"%s\" could not be cached: its loader calls %s, which tells "
                    "of the session or the server",
                    cache, input->name),
             errhint("Give what it says as an argument of the loader.%s%s", ttl_helps ? " " : "",
                     ttl_helps ? kTtl : "")));
}

// What is asked for and not named.
struct Unnamed {
    StringInfoData names;     // for people
    StringInfoData vary_by;   // the elements of an array: what is there, and what is missing
    StringInfoData settings;  // names, as same_for_all takes them
    bool can_vary;            // all of them can be parts of a key
    bool is_computed;         // a name is
    bool asks_user;           // for session_user
};

void add(StringInfo list, const char* text) {
    appendStringInfo(list, "%s%s", list->len > 0 ? ", " : "", text);
}

void add_expression(Unnamed* u, const char* expression) {
    const bool quoted = strstr(expression, "$$") != nullptr;
    add(&u->vary_by, quoted ? quote_literal_cstr(expression) : psprintf("$$%s$$", expression));
}

Unnamed begin_unnamed(const Definition* d) {
    Unnamed u = {};
    initStringInfo(&u.names);
    initStringInfo(&u.vary_by);
    initStringInfo(&u.settings);
    u.can_vary = true;
    for (int i = 0; i < d->input_count; ++i) add_expression(&u, d->inputs[i]);
    return u;
}

void note_unnamed(Unnamed* u, const TextInput& input) {
    if (input.kind == InputKind::kSessionRole) {
        u->asks_user = true;
        add(&u->names, input.name);
        add_expression(u, "session_user");
        return;
    }
    const bool custom = input.name != nullptr && is_custom_setting(input.name);
    u->can_vary = u->can_vary && custom && is_applications(input.name);
    u->is_computed = u->is_computed || input.name == nullptr;
    add(&u->names, input.name != nullptr ? psprintf("setting %s", input.name) : input_name(input));
    add(&u->settings, input.name != nullptr ? input.name : "*");
    if (custom) {
        add_expression(u, psprintf("current_setting(%s, true)", quote_literal_cstr(input.name)));
    }
}

void refuse_unnamed(const char* cache, const Unnamed& u) {
    const char* key = psprintf("Make it part of the key: vary_by => ARRAY[%s].", u.vary_by.data);
    const char* same = psprintf(
        "If its value makes no difference, or is one for all readers, say so: same_for_all => %s.",
        quote_literal_cstr(psprintf("{%s}", u.is_computed ? "*" : u.settings.data)));
    const bool vary = u.can_vary || u.asks_user;
    const bool settings = u.settings.len > 0;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
             errmsg("values of cache \"%s\" would be other sessions': its loader asks for %s",
                    cache, u.names.data),
             errdetail("A loader sees nothing of its reader's session but what is in the key."),
             errhint("%s%s%s", vary ? key : "Give it as an argument of the loader.",
                     settings ? " " : "", settings ? same : "")));
}

// Its author has thought of it.
bool is_answered(const Definition* d, const TextInput& input) {
    switch (input.kind) {
        case InputKind::kTime:
            return d->calendar.unit != Unit::kNone;
        case InputKind::kSetting:
            return is_in_key(d, input) || said_same_for_all(d, input.name);
        default:
            return is_in_key(d, input);
    }
}

const char* kind_said(const TextInput& input) {
    return input.kind == InputKind::kRole ? "role: the cache's owner, for all readers"
                                          : input_kind_name(input.kind);
}

}  // namespace

void check_inputs(const Definition* d) {
    const char* cache = pstrdup(d->name);
    List* inputs = inputs_by_text(d, NIL, nullptr);
    d = require_definition(cache);  // definitions may have been read again
    const bool must_be_stable = d->tracks && !d->untracked_too;
    StringInfoData others;
    initStringInfo(&others);
    Unnamed unnamed = begin_unnamed(d);
    ListCell* cell;
    foreach (cell, inputs) {
        const auto* input = static_cast<const TextInput*>(lfirst(cell));
        if (input->kind == InputKind::kVolatileFunction) {
            if (must_be_stable) refuse_volatile(cache, input);
        } else if (input->kind == InputKind::kSession) {
            const bool never = tells_of_session(input->function);
            if (never || must_be_stable) refuse_session(cache, input, !never);
        } else if (is_unnamed(d, *input)) {
            note_unnamed(&unnamed, *input);
        } else if (!is_answered(d, *input)) {
            add(&others, psprintf("%s (%s)", input_name(*input), kind_said(*input)));
        }
    }
    if (unnamed.names.len > 0) refuse_unnamed(cache, unnamed);
    if (others.len == 0) return;
    ereport(NOTICE,
            (errmsg("values of cache \"%s\" depend on more than tables: %s", cache, others.data),
             errhint("cache_check(%s) says what follows from that.", quote_literal_cstr(cache))));
}

}  // namespace cache_ext::pg
