#include "worker/learning.hpp"

#include "pg/ahead/hot_keys.hpp"
#include "pg/base/clock.hpp"
#include "pg/base/settings.hpp"

namespace cache_ext::worker {
namespace {

core::Millis last = 0;

}  // namespace

long learn() {
    const core::Millis interval = core::Millis{pg::settings.learn_interval_s} * 1000;
    const core::Millis now = pg::now_ms();
    // The clock may have been set back.
    if (last == 0 || last > now) last = now;
    if (now - last >= interval) {
        pg::save_hot_keys();
        last = now;
    }
    return std::max<long>(1, static_cast<long>(last + interval - now));
}

void learn_finally() {
    pg::save_hot_keys();
}

}  // namespace cache_ext::worker
