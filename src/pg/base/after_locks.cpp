#include "pg/base/after_locks.hpp"

extern "C" {
#include "utils/resowner.h"
}

namespace cache_ext::pg {
namespace {

void (*steps[static_cast<int>(AfterLocks::kNotices) + 1])() = {};

void resources_released(ResourceReleasePhase phase, bool, bool top_level, void*) {
    if (phase != RESOURCE_RELEASE_AFTER_LOCKS || !top_level) return;
    for (auto* step : steps) {
        if (step != nullptr) step();
    }
}

}  // namespace

void call_after_locks(AfterLocks when, void (*step)()) {
    static bool registered = false;
    steps[static_cast<int>(when)] = step;
    if (registered) return;
    RegisterResourceReleaseCallback(resources_released, nullptr);
    registered = true;
}

}  // namespace cache_ext::pg
