#include "pg/write/deltas.hpp"

extern "C" {
#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
}

namespace cache_ext::pg {
namespace {

using core::Amount;

// The sum of one subtransaction for one key. Its amounts may lie anywhere: the compiler would
// expect them at multiples of 16, which palloc does not promise.
struct Delta {
    core::Tag tag;
    const uint8* key;
    uint8* amounts;
    uint32 key_size;
    int count;
    core::Groups groups;
    int level;  // of the subtransaction
    int below;  // the sum of the one around it for the tag; -1: it has none
    bool known;
};

struct Top {
    core::Tag tag;
    int index;  // the innermost subtransaction's
};

// Of the transaction at hand. Those of one level follow each other, inner ones come later.
struct Deltas {
    MemoryContext context;  // nullptr: none yet
    Delta* all;
    int count;
    int capacity;
    HTAB* by_tag;  // Top
};

Deltas now = {};

void prepare() {
    if (now.context != nullptr) return;
    // Known only once it is complete: a savepoint may live on after an error in here.
    MemoryContext context =
        AllocSetContextCreate(TopTransactionContext, "cache_ext deltas", ALLOCSET_SMALL_SIZES);
    constexpr int kFirst = 16;
    auto* all = static_cast<Delta*>(MemoryContextAllocZero(context, sizeof(Delta) * kFirst));
    HASHCTL info = {};
    info.keysize = sizeof(core::Tag);
    info.entrysize = sizeof(Top);
    info.hcxt = context;
    now.by_tag = hash_create("cache_ext deltas", 64, &info, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    now.all = all;
    now.capacity = kFirst;
    now.context = context;
}

Top* top_of(core::Tag tag) {
    return now.context == nullptr
               ? nullptr
               : static_cast<Top*>(hash_search(now.by_tag, &tag, HASH_FIND, nullptr));
}

bool same_key(const Delta& a, const uint8* key, uint32 size) {
    return a.key_size == size && memcmp(a.key, key, size) == 0;
}

void add_to(Delta* to, const uint8* key, uint32 key_size, const uint8* amounts, int count,
            core::Groups groups) {
    to->known = to->known && to->count == count && to->groups == groups &&
                same_key(*to, key, key_size) &&
                core::merge_amounts(to->amounts, amounts, static_cast<uint32>(count), groups);
}

uint8* copied(const void* bytes, size_t size) {
    auto* copy = static_cast<uint8*>(MemoryContextAlloc(now.context, std::max<size_t>(size, 1)));
    memcpy(copy, bytes, size);
    return copy;
}

}  // namespace

void add_delta(const Key& key, const Amount* amounts, int count, core::Groups groups) {
    prepare();
    const int level = GetCurrentTransactionNestLevel();
    const auto* bytes = reinterpret_cast<const uint8*>(amounts);
    Top* top = top_of(key.view.hash);
    if (top != nullptr && now.all[top->index].level == level) {
        add_to(&now.all[top->index], key.view.bytes, key.view.size, bytes, count, groups);
        return;
    }
    // Room first: what an error leaves behind must not be on the index.
    if (now.count == now.capacity) {
        now.all = static_cast<Delta*>(
            repalloc_huge(now.all, sizeof(Delta) * 2 * static_cast<size_t>(now.capacity)));
        now.capacity *= 2;
    }
    Delta delta = {.tag = key.view.hash,
                   .key = copied(key.view.bytes, key.view.size),
                   .amounts = copied(bytes, sizeof(Amount) * static_cast<size_t>(count)),
                   .key_size = key.view.size,
                   .count = count,
                   .groups = groups,
                   .level = level,
                   .below = top != nullptr ? top->index : -1,
                   .known = true};
    if (top == nullptr) {
        top = static_cast<Top*>(hash_search(now.by_tag, &key.view.hash, HASH_ENTER, nullptr));
    }
    now.all[now.count] = delta;
    top->index = now.count++;
}

bool find_delta(core::Tag tag, KnownDelta* out) {
    const Top* top = top_of(tag);
    if (top == nullptr) return false;
    const Delta& delta = now.all[top->index];
    // Of a subtransaction that is still open there would be more below.
    if (!delta.known || delta.below >= 0) return false;
    out->key = delta.key;
    out->key_size = delta.key_size;
    out->count = delta.count;
    out->groups = delta.groups;
    memcpy(out->amounts, delta.amounts, sizeof(Amount) * static_cast<size_t>(delta.count));
    return true;
}

void forget_deltas() {
    if (now.context != nullptr) MemoryContextDelete(now.context);
    now = Deltas{};
}

// No error: what is looked up is there.
void subtransaction_ended_for_deltas(int level, bool committed) {
    int first = now.count;
    while (first > 0 && now.all[first - 1].level >= level) --first;
    int kept = first;
    for (int i = first; i < now.count; ++i) {
        Delta delta = now.all[i];
        Top* top = top_of(delta.tag);
        const int below = delta.below;
        if (!committed) {
            if (below >= 0) {
                top->index = below;
            } else {
                hash_search(now.by_tag, &delta.tag, HASH_REMOVE, nullptr);
            }
        } else if (below >= 0 && now.all[below].level == level - 1) {
            Delta* parent = &now.all[below];
            if (!delta.known) parent->known = false;
            add_to(parent, delta.key, delta.key_size, delta.amounts, delta.count, delta.groups);
            top->index = below;
        } else {
            delta.level = level - 1;
            top->index = kept;
            now.all[kept++] = delta;
        }
    }
    now.count = kept;
}

}  // namespace cache_ext::pg
