#include "pg/write/reloads.hpp"

#include "pg/catalog/definitions.hpp"
#include "pg/catalog/loading_state.hpp"
#include "pg/pool/looks.hpp"

namespace cache_ext::pg {
namespace {

struct Reloads {
    int count;
    uint64* caches;  // in the transaction's memory
};

Reloads reloads = {};

}  // namespace

void collect_reloads(bool (*changed)(uint64)) {
    for (int i = 0, n = definition_count(); i < n; ++i) {
        const Definition* d = definition_at(i);
        if (!d->warm_on_invalidate || !changed(d->id)) continue;
        if (reloads.caches == nullptr) {
            reloads.caches =
                static_cast<uint64*>(MemoryContextAlloc(TopTransactionContext, sizeof(uint64) * n));
        }
        reloads.caches[reloads.count++] = d->id;
    }
}

void ask_for_reloads() {
    bool first = false;
    for (int i = 0; i < reloads.count; ++i) {
        first = note_invalidated(reloads.caches[i]) || first;
    }
    if (first) request_look(MyDatabaseId);
}

void forget_reloads() {
    reloads = Reloads{};
}

}  // namespace cache_ext::pg
