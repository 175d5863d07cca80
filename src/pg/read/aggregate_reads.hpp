// Reading entries of aggregate caches: the amounts that lie there, and what writers have added that
// the reader's snapshot sees.
#pragma once

#include "pg/catalog/definitions.hpp"

namespace cache_ext::pg {

// The row of the measures as this snapshot sees it. A result other than kHit says why it cannot be
// made of what is cached; *value is set, palloc'ed, after a hit only. `tags` may be nullptr.
core::Found find_amounts(const Definition* definition, const Key& key,
                         const core::Snapshot& snapshot, core::Detail detail, core::EntryTags* tags,
                         Datum* value);

// Before a load under this snapshot: writers that register from now on add what they change to what
// will be published. For Fill::account. `leads`: others wait for this load.
core::Seq open_account_for(const Definition* definition, const Key& key,
                           const core::Snapshot& snapshot, bool leads);
// The load has failed.
void close_account_of(const Definition* definition, const Key& key, core::Seq account);

}  // namespace cache_ext::pg
