// Keys: argument lists as bytes, and the tags of their columns.
//
// The bytes of a key are exact: equal bytes, equal arguments. The hashes that make up tags follow
// the type's own equality instead (1.0 equals 1.00), so that a changed row meets every key
// that a loader's comparison would find.
#pragma once

#include "core/store.hpp"
#include "pg/base/postgres.hpp"

namespace cache_ext::pg {

constexpr int kMaxKeyColumns = 16;

// A set of key columns, as bits.
using ColumnMask = uint32;

struct Key {
    core::KeyView view;  // bytes point into `buffer` or into palloc'ed memory
    uint64 column_hash[kMaxKeyColumns];
    uint8 buffer[272];
};

// Identity of a cache for hashing.
struct CacheId {
    Oid database;
    uint64 id;
};

// Encodes the arguments. ERROR 54000 if the result is longer than core::kMaxKeyBytes.
void encode_key(CacheId cache, int columns, const Oid* types, const Datum* values,
                const bool* nulls, Key* key);

// Adds what callers do not give: bytes behind those of the columns. ERROR as above.
void add_hidden_part(Key* key, const uint8* bytes, uint32 size);

// Can a key of this one argument be encoded into Key::buffer, and so without an error?
bool short_key(Oid type, Datum value, bool null);

// The arguments of an encoded key; values are palloc'ed.
void decode_key(const uint8* bytes, int columns, const Oid* types, Datum* values, bool* nulls);

// The end of an encoded key that begins at `bytes`; nullptr if it is not one, or goes beyond `end`.
const uint8* skip_key(const uint8* bytes, const uint8* end, int columns, const Oid* types);

uint64 hash_column(Oid type, Datum value, bool null);

core::Tag whole_tag(CacheId cache);
core::Tag key_tag(CacheId cache, int columns, const uint64* column_hash);
// The tag of some of the columns; hashes of others are not read.
core::Tag part_tag(CacheId cache, ColumnMask mask, const uint64* column_hash);
// Of some instants of what that one stands for; `bounds` tells apart how they are bounded.
core::Tag ranged_tag(core::Tag part, uint64 bounds);

}  // namespace cache_ext::pg
