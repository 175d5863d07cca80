#include "pg/after_locks.hpp"

#include "pg/pool.hpp"
#include "pg/reclaim.hpp"
#include "pg/tasks.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace cache_ext::pg {
namespace {

void resources_released(ResourceReleasePhase phase, bool, bool top_level, void*) {
    if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !top_level) return;
    release_planned();  // before work goes on for what is not dropped after all
    let_work_go_on();
    send_notices();
}

}  // namespace

void call_after_locks() {
    static bool registered = false;
    if (registered) return;
    registered = true;
    RegisterResourceReleaseCallback(resources_released, nullptr);
}

}  // namespace cache_ext::pg
