#include "pg/pool/turns.hpp"

#include "pg/pool/pool_state.hpp"
#include "pg/base/settings.hpp"

namespace cache_ext::pg {
namespace {

// Where the caches belong to several, one of them leaves a worker to the others.
int most_workers(Oid database) {
    const DatabaseSlot* s = slot_of(database, false);
    const bool alone = s == nullptr || s->owners < 2;
    return alone ? settings.workers : std::max(1, settings.workers - 1);
}

// Waiting tasks by database, owner or cache. What is beyond its capacity has little each.
class Tally {
  public:
    uint32& of(uint64 what) {
        if (count_ > 0 && names_[last_] == what) return counts_[last_];
        for (last_ = 0; last_ < count_; ++last_) {
            if (names_[last_] == what) return counts_[last_];
        }
        if (count_ == kCapacity) return counts_[last_ = kCapacity];
        names_[count_] = what;
        counts_[count_] = 0;
        last_ = count_++;
        return counts_[last_];
    }
    // The one with the most, if that is by two more than what `mine` has: to take one place from it
    // makes both more equal. Else `mine`.
    uint64 richest(uint64 mine) {
        const uint32 own = of(mine);
        uint64 name = mine;
        uint32 most = own + 1;
        for (int i = 0; i < count_; ++i) {
            if (counts_[i] <= most) continue;
            most = counts_[i];
            name = names_[i];
        }
        return name;
    }
    // Simply the one with the most.
    uint64 richest() const {
        const uint32* most = std::max_element(counts_, counts_ + count_);
        return names_[most - counts_];
    }
    int count() const { return count_; }

  private:
    static constexpr int kCapacity = 128;
    int count_ = 0;
    int last_ = 0;
    uint64 names_[kCapacity + 1] = {};
    uint32 counts_[kCapacity + 1] = {};
};

template <class Of, class Where>
Tally tally(Of of, Where where) {
    Tally t;
    for (uint32 i = 0; i < pool->count; ++i) {
        if (where(task_heads()[i])) ++t.of(of(task_heads()[i]));
    }
    return t;
}

template <class Where>
uint32 least_valuable(Where where) {
    uint32 least = UINT32_MAX;
    for (uint32 i = 0; i < pool->count; ++i) {
        const TaskHead& t = task_heads()[i];
        if (where(t) && (least == UINT32_MAX || more_valuable(task_heads()[least], t))) least = i;
    }
    return least;
}

uint64 database_of(const TaskHead& t) {
    return t.database;
}
uint64 owner_of(const TaskHead& t) {
    return t.owner;
}
uint64 cache_of(const TaskHead& t) {
    return t.cache_id;
}

}  // namespace

OwnerShare& OwnerShares::of(Oid database, Oid owner) {
    const auto is = [&](const OwnerShare& s) { return s.owner == owner && s.database == database; };
    if (count_ > 0 && is(all_[last_])) return all_[last_];
    for (last_ = 0; last_ < count_; ++last_) {
        if (is(all_[last_])) return all_[last_];
    }
    // Of more owners than that the last ones share a place, and are counted anew each time.
    last_ = std::min(count_, kCapacity - 1);
    count_ = last_ + 1;
    OwnerShare& s = all_[last_];
    s = {database, owner, 0, 0, most_workers(database), 0};
    for (int i = 0; i < pool->worker_slots; ++i) {
        const WorkerSlot* w = worker_slot(i);
        if (w->pid > 0 && w->busy && w->task.owner == owner && w->database == database) ++s.running;
    }
    s.recent_ms = pool->owner_times.recent_ms(database, owner, now_);
    return s;
}

bool more_valuable(const TaskHead& a, const TaskHead& b) {
    if (a.priority != b.priority) return a.priority > b.priority;
    if (a.deadline != b.deadline) return a.deadline < b.deadline;
    return a.number < b.number;
}

bool comes_first(const OwnerShare& a_share, const TaskHead& a, const OwnerShare& b_share,
                 const TaskHead& b) {
    if (a.owner != b.owner) {
        if (a_share.running != b_share.running) return a_share.running < b_share.running;
        if (a_share.recent_ms < b_share.recent_ms) return true;
        if (b_share.recent_ms < a_share.recent_ms) return false;
    }
    return more_valuable(a, b);
}

uint32 who_gives_way(const TaskHead& task) {
    const uint64 database =
        tally(database_of, [](const TaskHead&) { return true; }).richest(task.database);
    const auto of_database = [&](const TaskHead& t) { return t.database == database; };
    const bool elsewhere = database != task.database;
    Tally owners = tally(owner_of, of_database);
    const uint64 owner = elsewhere ? owners.richest() : owners.richest(task.owner);
    const auto of_owner = [&](const TaskHead& t) { return of_database(t) && t.owner == owner; };
    const uint32 least = least_valuable(of_owner);
    // Among one's own tasks priority decides.
    if (elsewhere || owner != task.owner || least == UINT32_MAX) return least;
    const int32 lowest = task_heads()[least].priority;
    if (lowest != task.priority) return lowest < task.priority ? least : UINT32_MAX;
    const auto of_priority = [&](const TaskHead& t) {
        return of_owner(t) && t.priority == task.priority;
    };
    const uint64 cache = tally(cache_of, of_priority).richest(task.cache_id);
    if (cache == task.cache_id) return UINT32_MAX;
    return least_valuable(
        [&](const TaskHead& t) { return of_priority(t) && cache_of(t) == cache; });
}

uint32 places_for(Oid database) {
    Tally t = tally(database_of, [](const TaskHead&) { return true; });
    const uint32 own = t.of(database);
    const uint32 share = pool->queue_size / static_cast<uint32>(t.count());
    return std::max(pool->queue_size - pool->count, share > own ? share - own : 0);
}

}  // namespace cache_ext::pg
