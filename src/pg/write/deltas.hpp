// What this transaction adds to values of aggregate caches, by key: the net of what it has written
// and not rolled back.
//
// Each subtransaction has its own sum of a key. When it commits, that is merged into its parent's;
// when it is rolled back, it goes. The tags themselves are collected as all are (changes.hpp),
// which hands the sums on when it registers them; a key whose sum is not known, or is of two keys
// with one tag, is registered without.
#pragma once

#include "core/account.hpp"
#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// One more change of the key's value. The tag is collected by the same subtransaction, or was
// before.
void add_delta(const Key& key, const core::Amount* amounts, int count, core::Groups groups);

// What all changes of a key of this tag add.
struct KnownDelta {
    const uint8* key;
    uint32 key_size;
    int count;
    core::Groups groups;
    core::Amount amounts[core::kMaxAmounts];
};
// False: it is not known.
bool find_delta(core::Tag tag, KnownDelta* out);

// --- for changes.cpp ---

void forget_deltas();
void subtransaction_ended_for_deltas(int level, bool committed);

}  // namespace cache_ext::pg
