// Arguments of the functions that take a cache by name, followed by VARIADIC key "any".
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

struct KeyArguments {
    Datum values[kMaxKeyColumns];
    bool nulls[kMaxKeyColumns];
};

// The cache that the first argument names. ERROR 22004 if that is null, 42704 if there is none.
// Unless `even_broken` also an error if its value type was dropped.
const Definition* named_cache(FunctionCallInfo fcinfo, bool even_broken = false);

// Reads the arguments from position `first` on and turns them into the key's types: literals by the
// type's input function, others by implicit casts. ERROR 42883 or 42804 with a hint that shows the
// right call. A cache without key columns may be called without arguments.
void key_arguments(FunctionCallInfo fcinfo, int first, const Definition* definition,
                   KeyArguments* out);

// The same for some of the columns, one argument each. ERROR 42883 for another number of arguments,
// 42804. The others of `out` stay as they are.
void column_arguments(FunctionCallInfo fcinfo, int first, const Definition* definition,
                      const int* columns, int count, KeyArguments* out);

// No key was given at all: the default of the VARIADIC argument.
bool key_omitted(FunctionCallInfo fcinfo, int first);

// "cache_get('calls', uuid, text)"-like list of the key's types, for messages.
char* key_signature(const Definition* definition);

}  // namespace cache_ext::pg
