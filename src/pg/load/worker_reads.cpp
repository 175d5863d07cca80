#include "pg/load/worker_reads.hpp"

#include "core/atomic.hpp"

extern "C" {
#include "access/parallel.h"
#include "storage/proc.h"
#include "storage/shmem.h"
}

namespace cache_ext::pg {
namespace {

constexpr size_t kNumbers = 1024;
uint32* numbers = nullptr;

uint32& number_of(const PGPROC* leader) {
    return numbers[static_cast<size_t>(leader - ProcGlobal->allProcs) % kNumbers];
}

}  // namespace

// The first one is the part of the plan that the worker was made for.
void note_query_in_worker() {
    static bool has_plan = false;
    const PGPROC* leader = MyProc->lockGroupLeader;
    if (has_plan && numbers != nullptr && leader != nullptr) {
        core::add_relaxed(number_of(leader), 1);
    }
    has_plan = true;
}

uint32 queries_in_workers() {
    return numbers != nullptr ? core::load_relaxed(number_of(MyProc)) : 0;
}

size_t worker_reads_bytes() {
    return sizeof(uint32) * kNumbers;
}

void attach_worker_reads() {
    bool found;
    numbers = static_cast<uint32*>(
        ShmemInitStruct("cache_ext queries in workers", worker_reads_bytes(), &found));
    if (!found) memset(numbers, 0, worker_reads_bytes());
}

}  // namespace cache_ext::pg
