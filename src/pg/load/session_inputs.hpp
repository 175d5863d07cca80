// The parts of a key that callers do not give: what their session is like (vary_by.hpp).
//
// A loader sees of the session what is in the key, and nothing else: settings that a cache varies
// by are set to what the key says of them while it runs. So its value is a function of the key,
// however the expressions are evaluated.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

void add_session_inputs(const Definition* definition, Key* key);

// The key of what this session would read.
inline void encode_session_key(const Definition* d, const Datum* values, const bool* nulls,
                               Key* key) {
    encode_key(d->cache_id(), d->columns, d->key_types, values, nulls, key);
    if (d->varies()) add_session_inputs(d, key);
}

// The key of those arguments for a session like the one that `like` is a key of, an encoded one.
void encode_key_like(const Definition* definition, const Datum* values, const bool* nulls,
                     const core::KeyView& like, Key* key);

// What of them a loader has.
struct FromReader {
    Oid role;  // that it runs as; InvalidOid: the cache's owner
    int count;
    struct {
        const char* name;
        const char* value;  // nullptr: as it is in the cache's environment
    } all[kMaxKeyColumns];
};
// Those of an encoded key, which may be any entry's.
FromReader from_reader(const Definition* definition, const core::KeyView& key);

// Does the key tell a loader of this cache all that a setting of that name is, or session_user?
bool tells_setting(const Definition* definition, const char* name);
bool tells_session_user(const Definition* definition);
// Has its owner said that the setting is the same for all its readers? nullptr: one whose name is
// not known.
bool said_same_for_all(const Definition* definition, const char* setting);

// Does the encoded key, of which it need not be one, have the hidden parts that the cache has now?
bool is_of_this_declaration(const Definition* definition, const core::KeyView& key);
// Why nobody but a reader can load the value of an encoded key, as it is now: nullptr if a worker
// can. palloc'ed.
const char* left_to_readers(const Definition* definition, const core::KeyView& key);

// All parts, as texts in a text[]; 0: the bytes are of another declaration of the cache.
Datum inputs_as_array(const Definition* definition, const uint8* key, uint32 size);

// Of encoded keys: the end of what callers give; nullptr: the bytes are no such key.
const uint8* end_of_columns(const Definition* definition, const uint8* key, uint32 size);

}  // namespace cache_ext::pg
