// The value that writers adjust, for a hit without a lock (unlocked.hpp): what its account adds.
#pragma once

#include "core/block.hpp"
#include "core/found.hpp"

namespace cache_ext::core {

// `e`: a copy of the entry at `ref`, whose amounts have been copied to options.buffer; `account`:
// where its account lies, if it is still there. Nothing of it may be believed before the
// partition's version has been compared. False says nothing, and leaves buffer and deltas
// undefined.
bool adjust_unlocked(const Block& block, Ref ref, const Entry& e, const std::uint8_t* account,
                     const Snapshot& s, const LookupOptions& options);

}  // namespace cache_ext::core
