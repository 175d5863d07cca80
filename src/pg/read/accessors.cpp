// cache_fetch: what every generated accessor calls. This is the path of a hit, so what stays the
// same between calls of one query is found out once and kept in fn_extra.
#include "pg/read/call_site.hpp"
#include "pg/read/read.hpp"

namespace cache_ext::pg {
namespace {

// cache_fetch(result anyelement, cache text, VARIADIC key "any")
constexpr int kFirstKey = 2;

// In fn_extra instead of what was found out, so that it is found out again: of a place that has
// called once (most prepared statements do no more, and need no memory for it), and of one that may
// name another cache every time.
const CallSite called_once = {};
const CallSite names_vary = {};

// *found_now is for what has to be found out; from the second call on it is kept, too.
const CallSite* called_cache(FunctionCallInfo fcinfo, CallSite* found_now) {
    void*& extra = fcinfo->flinfo->fn_extra;
    const auto* site = static_cast<const CallSite*>(extra);
    if (site != nullptr && site->holds()) return site;
    CallSite& found = *found_now;
    find_called(fcinfo, kFirstKey, false, "cache_get_", &found);
    if (site == nullptr) {
        extra = const_cast<CallSite*>(&called_once);
    } else if (site == &called_once && !names_constant_cache(fcinfo)) {
        extra = const_cast<CallSite*>(&names_vary);
    } else if (site == &called_once) {
        extra = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
    }
    if (extra != &called_once && extra != &names_vary) *static_cast<CallSite*>(extra) = found;
    return found_now;
}

}  // namespace

extern "C" {
PG_FUNCTION_INFO_V1(cache_fetch_1_0);
}

extern "C" Datum cache_fetch_1_0(PG_FUNCTION_ARGS) {
    // A statement that reads one value mostly returns it. What becomes of many is not known.
    const bool first = fcinfo->flinfo->fn_extra == nullptr;
    CallSite found;
    const CallSite* site = called_cache(fcinfo, &found);
    const Definition* d = site->definition;
    Datum arguments[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
    for (int i = 0; i < d->columns; ++i) {
        arguments[i] = PG_GETARG_DATUM(kFirstKey + i);
        nulls[i] = PG_ARGISNULL(kFirstKey + i);
    }
    ReadRequest request = {d, arguments, nulls};
    request.size_hint = expected_bytes(d);
    request.fetch_all = first;
    request.own_collation = site->own_collation;
    request.collation = site->collation;
    const ReadResult result = read_value(request);
    note_bytes(d, result.value_bytes);
    if (result.is_null) PG_RETURN_NULL();
    return result.value;
}

}  // namespace cache_ext::pg
