// Entries in the order in which they came: a list through Entry::queue_prev and queue_next. All in
// constant time.
#pragma once

#include <cstdint>
#include <type_traits>

#include "core/arena.hpp"
#include "core/entry.hpp"

namespace cache_ext::core {

// Locking: the budget lock. An entry is in one list at a time; Entry::queue says in which, and is
// the caller's affair.
struct EntryList {
    Ref newest;
    Ref oldest;

    bool empty() const { return oldest == kNullRef; }
    void push(const Arena& arena, Ref ref);
    void remove(const Arena& arena, Ref ref);
    // Gives the place of `old` to `fresh`, which is in no list.
    void replace(const Arena& arena, Ref old, Ref fresh);
};
static_assert(std::is_trivially_copyable_v<EntryList>);

// One that knows its length, and whose entries say that they are in it.
template <Queue kName>
struct EntryQueue {
    EntryList list;
    std::uint64_t count;

    static bool holds(const Entry& e) { return e.queue == kName; }
    void push(const Arena& arena, Ref ref) {
        list.push(arena, ref);
        arena.at<Entry>(ref)->queue = kName;
        ++count;
    }
    void remove(const Arena& arena, Ref ref) {
        list.remove(arena, ref);
        arena.at<Entry>(ref)->queue = Queue::kNone;
        --count;
    }
    // Takes out the oldest; kNullRef if there is none.
    Ref pop(const Arena& arena) {
        const Ref ref = list.oldest;
        if (ref != kNullRef) remove(arena, ref);
        return ref;
    }
    void replace(const Arena& arena, Ref old, Ref fresh) {
        list.replace(arena, old, fresh);
        arena.at<Entry>(fresh)->queue = kName;
    }
};

}  // namespace cache_ext::core
