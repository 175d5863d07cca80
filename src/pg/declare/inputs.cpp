#include "pg/declare/inputs.hpp"

#include "pg/load/loader_inputs.hpp"

extern "C" {
#include "lib/stringinfo.h"
#include "utils/builtins.h"
}

namespace cache_ext::pg {
namespace {

void refuse_volatile(const char* cache, const TextInput* input) {
    const char* ttl = "Or let values live until their ttl: undeclared => 'ttl'.";
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
             errmsg("values of cache \"%s\" could not be cached: its loader calls %s, which is "
                    "VOLATILE",
                    cache, input->name),
             OidIsValid(input->function)
                 ? errhint("If it only reads, declare it so: ALTER FUNCTION %s STABLE. %s",
                           input->name, ttl)
                 : errhint("Call it where the value is read. %s", ttl)));
}

// Nothing of the cache's is the same in all sessions then.
void refuse_session_user(const char* cache, const TextInput* input) {
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
             errmsg("values of cache \"%s\" would be other sessions': its loader asks for %s",
                    cache, input->name),
             errhint("Make it part of the key: vary_by => '{session_user}'. current_user is the "
                     "cache's owner, for all readers.")));
}

// Its author has thought of it.
bool is_answered(const Definition* d, const TextInput& input) {
    return input.kind == InputKind::kTime ? d->calendar.unit != Unit::kNone : is_in_key(d, input);
}

}  // namespace

void check_inputs(const Definition* d) {
    const char* cache = pstrdup(d->name);  // definitions may be read again
    const bool must_be_stable = d->tracks && !d->untracked_too;
    StringInfoData others;
    initStringInfo(&others);
    ListCell* cell;
    foreach (cell, inputs_by_text(d)) {
        const auto* input = static_cast<const TextInput*>(lfirst(cell));
        if (input->kind == InputKind::kVolatileFunction) {
            if (must_be_stable) refuse_volatile(cache, input);
        } else if (!is_answered(require_definition(cache), *input)) {
            if (input->kind == InputKind::kSessionRole) refuse_session_user(cache, input);
            appendStringInfo(&others, "%s%s (%s)", others.len > 0 ? ", " : "", input->name,
                             input_kind_name(input->kind));
        }
    }
    if (others.len == 0) return;
    ereport(NOTICE,
            (errmsg("values of cache \"%s\" depend on more than tables: %s", cache, others.data),
             errhint("cache_check(%s) says what follows from that.", quote_literal_cstr(cache))));
}

}  // namespace cache_ext::pg
