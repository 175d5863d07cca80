// A value that somebody gives to be stored, and whether he may.
#pragma once

#include "pg/catalog/arguments.hpp"
#include "pg/declare/declaration.hpp"
#include "pg/load/values.hpp"
#include "pg/write/puts.hpp"

namespace cache_ext::pg {

// ERROR 42501 unless the current user owns the cache, or may execute its function: the owner grants
// that to whoever may put values.
void require_writer(const Definition* definition, Writer writer);

// ERROR 55000: what is stored at once, or instead of nothing, tells nobody who has made something
// of what a loader gave.
void require_no_loader(const Definition* definition, const char* what);

// Points into itself: not to be copied.
struct Given {
    core::CacheIndex index;  // kNoCache: the cache has no room in shared memory
    Key key;
    ValueBytes bytes;
    PutValue value;
};
// Encodes key and value for this session, with a ttl other than the cache's if one is given. ERROR
// 22023 if that is out of range.
void take_given(const Definition* definition, const KeyArguments& arguments, Datum value,
                bool is_null, const Interval* ttl, Given* out);
// Is there a control block, and is the value not too large?
bool has_room(const Given& given);
// ERROR 54000 if not.
void require_room(const Definition* definition, const Given& given);

// In the form that is compared and stored.
Datum detoasted(const Definition* definition, Datum value, bool is_null);

// ERROR 42804 unless the argument is of the type of the cache's values; its hint is the function
// whose name begins with `prefix`.
void require_value_type(FunctionCallInfo fcinfo, int argument, const Definition* definition,
                        const char* prefix);
// nullptr: NULL.
const Interval* interval_argument(FunctionCallInfo fcinfo, int argument);

}  // namespace cache_ext::pg
