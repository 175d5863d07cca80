// Whose turn it is: the owners of the caches of a database share its workers, and the queue is
// shared by databases, owners and caches, however much one of them asks for.
//
// An owner whose tasks keep fewer workers busy comes first, then one that has had less of their
// time of late, and only among the tasks of one owner does priority decide. The caller holds
// tasks_lock.
#pragma once

#include "pg/pool/task.hpp"

namespace cache_ext::pg {

// What one pass over the queue knows of the owners that it meets.
struct OwnerShare {
    Oid database;
    Oid owner;
    int running;       // workers at tasks of his
    int due;           // counted by the caller
    int most;          // workers that he may keep busy
    double recent_ms;  // see OwnerTimes
};

class OwnerShares {
  public:
    explicit OwnerShares(core::Millis now) : now_(now) {}
    // Good until the next call with an owner that is new.
    OwnerShare& of(Oid database, Oid owner);

  private:
    static constexpr int kCapacity = 64;
    core::Millis now_;
    int count_ = 0;
    int last_ = 0;
    OwnerShare all_[kCapacity];
};

// By priority, then by deadline, then by arrival: of one owner's tasks.
bool more_valuable(const TaskHead& a, const TaskHead& b);
// Of any two tasks that a worker might take, each with its owner's share.
bool comes_first(const OwnerShare& a_share, const TaskHead& a, const OwnerShare& b_share,
                 const TaskHead& b);

// The queue is full and `task` wants a place: the waiting task that has to give way, of the
// database, the owner, the cache that has more waiting than those of `task`; UINT32_MAX: it is
// `task` that finds none.
uint32 who_gives_way(const TaskHead& task);

// Places for tasks of a database: those that are free, and what others have beyond their share.
uint32 places_for(Oid database);

}  // namespace cache_ext::pg
