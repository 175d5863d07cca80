#include "pg/write/levels.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {

bool NotedIds::has(uint64 id) const {
    return std::any_of(all_, all_ + count_, [id](const Noted& n) { return n.id == id; });
}

void NotedIds::note(uint64 id) {
    if (has(id)) return;
    if (count_ == capacity_) {
        const int more = std::max(16, capacity_ * 2);
        const size_t bytes = sizeof(Noted) * static_cast<size_t>(more);
        all_ =
            static_cast<Noted*>(all_ == nullptr ? MemoryContextAlloc(TopTransactionContext, bytes)
                                                : repalloc(all_, bytes));
        capacity_ = more;
    }
    all_[count_++] = {id, GetCurrentTransactionNestLevel()};
}

void NotedIds::subtransaction_ended(int level, bool committed) {
    count_ = notes_left(all_, count_, level, committed, [](const Noted&) {});
}

}  // namespace cache_ext::pg
