// cache_health: the background workers and their queue.
#include "pg/health.hpp"

#include "pg/pool.hpp"

namespace cache_ext::pg {
namespace {

constexpr double kFullQueue = 90;  // percent

}  // namespace

HealthCheck check_workers() {
    const PoolHealth pool = pool_health(InvalidOid);
    HealthCheck check = {"workers"};
    check.measured = true;
    check.value = pool.running;
    if (pool.no_room) check.status = Status::kWarning;
    // It comes after recovery.
    if (!pool.launcher && !RecoveryInProgress()) check.status = Status::kCritical;
    const char* failed =
        pool.failed_starts == 0
            ? ""
            : psprintf(", " UINT64_FORMAT " found no room in max_worker_processes, the last at %s",
                       pool.failed_starts, timestamptz_to_str(pool.last_failed_start));
    check.detail = psprintf("%d of %d that are wanted run%s%s%s", pool.running, pool.wanted,
                            pool.launcher ? "" : ", the launcher does not",
                            pool.no_room ? ": raise max_worker_processes" : "", failed);
    return check;
}

HealthCheck check_worker_queue() {
    const PoolHealth pool = pool_health(InvalidOid);
    HealthCheck check = {"worker_queue"};
    check.measured = true;
    check.value = 100.0 * pool.queued / pool.queue_size;
    check.threshold = kFullQueue;
    if (check.value >= kFullQueue) check.status = Status::kWarning;
    check.detail = psprintf("%u of %u tasks, " UINT64_FORMAT " found no room, %u loads back off",
                            pool.queued, pool.queue_size, pool.dropped, pool.retrying);
    return check;
}

}  // namespace cache_ext::pg
