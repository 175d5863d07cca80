// The stored form of values: their bytes, compressed if that is worth it.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

struct ValueBytes {
    const uint8* data;
    uint32 size;
    uint64 by_value;  // storage for pass-by-value types; data points here
};

// The bytes of a detoasted value, without a copy where possible.
void value_bytes(const Definition* definition, Datum value, bool is_null, ValueBytes* out);
// As they are stored: what is larger than cache_ext.compress_above is compressed by
// cache_ext.compression if that saves a quarter. May palloc.
void stored_bytes(const Definition* definition, Datum value, bool is_null, ValueBytes* out);

// The value of stored bytes, copied into the current memory context.
Datum value_from_bytes(const Definition* definition, const uint8* data, uint32 size);
// Is it stored compressed, so that it is of use only decompressed? The result is palloc'ed.
bool is_compressed(const Definition* definition, Datum stored);
Datum decompressed(Datum stored);
// A value whose stored bytes have just been copied into memory of ours: decompressed if need be.
Datum open_value(const Definition* definition, Datum stored);

// A value in the current memory context, detoasted, as run_loader returns it.
Datum copy_value(const Definition* definition, Datum value);

// The same bytes, once decompressed?
bool same_value(const Definition* definition, Datum a, bool a_null, Datum b, bool b_null);

}  // namespace cache_ext::pg
