// Puts that wait for no commit: cache_put_<name> with `immediate`, cache_add, cache_replace.
//
// What is there is looked at and replaced in one step, under the lock of its partition
// (core::Fill::instead_of), so of two sessions that both see what they want to replace one is told
// that it came too late, and looks again. Nobody waits for a transaction.
#pragma once

#include "pg/write/puts.hpp"

namespace cache_ext::pg {

// On which condition a value is stored.
struct PutCondition {
    enum class If : uint8 { kAlways, kAbsent, kSame };

    If when = If::kAlways;
    // kSame: if this is what is stored, byte for byte. Detoasted.
    Datum expected = 0;
    bool expected_null = false;
};

// Stores the value for everybody, now; no rollback takes it back. What this transaction has put for
// the key before is of no account any more. False: the condition does not hold. It is asked of what
// a new snapshot would be served, and of what this transaction has put.
//
// `what` is the function's name. ERROR 25001 if this transaction has changed what the value depends
// on, or compares with a value of its own; with a condition 55000 if it may not use the cache;
// 40001 if its snapshot is too old for the value to be of use, 53200 if there is no memory.
bool put_at_once(const Definition* definition, core::CacheIndex index, const Key& key,
                 const PutValue& value, const PutCondition& condition, const char* what);

}  // namespace cache_ext::pg
