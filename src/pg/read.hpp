// A read: serve it from the cache if that can be justified for the reader's snapshot, else load.
#pragma once

#include "pg/definitions.hpp"
#include "pg/load.hpp"

namespace cache_ext::pg {

enum class Source : uint8 { kCache, kLoader, kPut, kNothing };

// What a read asks for.
struct ReadRequest {
    const Definition* definition;
    const Datum* arguments;
    const bool* nulls;
    bool never_load = false;  // cache_peek, and caches without a loader
    bool fresh = false;       // cache_refresh: load even if there is a value
    uint32 size_hint = 0;     // bytes that the value will probably take
};

struct ReadResult {
    Datum value;
    bool is_null;
    Source source;
    bool published;
    uint32 value_bytes;
    core::Millis calculated_at;
    core::Millis expires_at;
};

// Inside a loader, what the value depends on is added to what the outer value depends on.
ReadResult read_value(const ReadRequest& request);

// Why a read of this cache by this transaction, now, would not look into the cache; kCount: it
// would.
core::Bypass bypass_reason(const Definition* definition, const Key& key);

// ERROR 42883 if the accessor was dropped or renamed; the two below check that first.
void require_accessor(const Definition* definition);
// May this transaction not be served an entry with these tags, because it depends on other caches,
// too, and something that caches depend on was changed here? What bypass_reason knows of is the
// cache itself only.
bool own_write_below(const Definition* definition, const core::EntryTags& tags);

// ERROR 42501 unless the current user may execute the accessor.
void require_execute(const Definition* definition);
// ERROR 42704 for a definition that can only be dropped.
void require_intact(const Definition* definition);
// ERROR 42501 unless the current user owns the accessor.
void require_owner(const Definition* definition);

// English for the reasons, as cache_explain prints them.
const char* bypass_text(core::Bypass reason);

// The stored form of a value: its bytes without a copy where possible.
struct ValueBytes {
    const uint8* data;
    uint32 size;
    uint64 by_value;  // storage for pass-by-value types; data points here
};
void value_bytes(const Definition* definition, Datum value, bool is_null, ValueBytes* out);
// The value of stored bytes, copied into the current memory context.
Datum value_from_bytes(const Definition* definition, const uint8* data, uint32 size);

}  // namespace cache_ext::pg
