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

// --- a read in its parts, for who reads many keys at once ---

// A load in progress, and what its loader has read from other caches so far: the value depends on
// all of that. Loads nest.
struct Load {
    Load* outer;
    const core::Snapshot* snapshot;
    core::EntryTags tags;
    core::Millis expires_at;  // of what was read, the earliest
    bool publishable;
};

// What a read still needs.
enum class Left : uint8 {
    kNothing,
    kLoad,  // a value for this reader alone
    kFill   // a value that may be published, unless definition_for_fill() is against it
};

// Everything of a read that needs no loader; also fills in the key.
Left look_up(const ReadRequest& request, Key* key, ReadResult* result);
// Would look_up serve the key without loading? Counts nothing.
bool would_serve(const Definition* definition, const Datum* arguments, const bool* nulls);
// The rest, for one key.
void load_alone(const ReadRequest& request, Left left, Key* key, ReadResult* result);

// The definition whose loader may fill the cache under this snapshot, which is the active one;
// nullptr: load for the reader alone. Counts `reads` bypasses then.
const Definition* definition_for_fill(const Definition* definition, const core::Snapshot& snapshot,
                                      uint32 reads);
// Around code that loads; `snapshot` must live as long. leave_load is due even after an error
// (failed).
void enter_load(const core::Snapshot& snapshot, Load* load);
void leave_load(const Load& load, bool failed);
// Publishes a value that was loaded in there, counts it, and fills in the result.
void complete_fill(const Definition* definition, const Key& key, const Load& load,
                   const Loaded& loaded, bool fresh, const core::Snapshot& snapshot,
                   ReadResult* result);
// What a load for the reader alone begins with: an outer value depends on it in unknown ways.
ReadResult not_published();
// A key occurred once more in a batch whose first result this is.
void count_repeated_read(const Definition* definition, const ReadResult& first, uint32 load_us);

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
