// The queue of tasks, for the pool itself.
#pragma once

#include "pg/pool/pool_state.hpp"

namespace cache_ext::pg {

// Until a refresh that could not be done may be asked for again.
constexpr core::Millis kRetryClaim = 1000;

// --- all with tasks_lock held ---

void remove_task(uint32 i);
// The same; *task is a copy of it.
void take_out(uint32 i, Task* task);
// False: there is no room. Another task may have to give way for it: give_back(*pushed_out) once
// the lock is released.
bool add_task(const Task& task, Task* pushed_out);
// Puts a task back that this worker has not finished, for later; false: it is lost.
bool put_back(const Task& task, core::Millis* next_try, Task* pushed_out);
// What the worker has spent on its task is its owner's.
void charge_task(const WorkerSlot& worker);

// --- without it ---

// The claim of a task that will not be done, to be had again after a while.
void give_back(const Task& task, core::Millis delay);

}  // namespace cache_ext::pg
