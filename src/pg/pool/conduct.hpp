// How the loaders of a cache have behaved in the background: what failed, what was terminated, and
// whether the cache is suspended because of that (unruly.hpp).
#pragma once

#include "pg/pool/pool_state.hpp"

namespace cache_ext::pg {

// While a cache is suspended, somebody looks this often whether it has changed.
constexpr core::Millis kLookForChangesMs = 60000;

// --- with tasks_lock held ---

// What is known of the cache, begun if need be; nullptr: the control block is another's.
Conduct* make_conduct(core::CacheIndex index, uint64 cache_id);
// Until when nothing may be done for the cache of the task; 0: no such time.
core::Millis suspended_until(const TaskHead& task, core::Millis now);
// Its cache is just being dropped.
bool held(const TaskHead& task);
// The worker was terminated; it goes on all the same.
void note_termination(const WorkerSlot& worker, core::Millis now);
void note_endless(const WorkerSlot& worker, core::Millis now);

// --- without it ---

// Without any lock: false, if no cache is suspended.
bool any_suspended(core::Millis now);
// Of a cache of this database.
bool is_suspended(uint64 cache_id);
// The same; then *out is what is known of it.
bool suspension(uint64 cache_id, Conduct* out);
// Ends it, and forgets its terminations: its tasks are due now.
void resume(uint64 cache_id);
// Is this failure of a task for the log? One a minute of each cache; *before: those that were not.
bool should_log(const TaskHead& task, uint32* before);

}  // namespace cache_ext::pg
