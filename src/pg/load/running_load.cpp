#include "pg/load/running_load.hpp"

#include "pg/load/worker_reads.hpp"

extern "C" {
#include "storage/sinval.h"
#include "utils/inval.h"
}

namespace cache_ext::pg {

using core::Bypass;

Load* innermost_load = nullptr;

namespace {

uint64 loads = 0;

}  // namespace

void add_tag(Load* load, core::Tag tag, bool is_key, core::CacheIndex cache) {
    core::EntryTags& all = load->tags;
    for (uint32 i = 0; i < all.count; ++i) {
        if (all.tag[i] == tag) return;
    }
    if (all.count == core::kMaxTags) {
        load->publishable = false;
        return;
    }
    all.tag[all.count] = tag;
    all.is_key[all.count] = is_key;
    all.cache[all.count++] = cache;
}

uint64 current_load() {
    return innermost_load != nullptr ? innermost_load->number : 0;
}

void add_to_load(const core::EntryTags& tags, core::Millis expires_at, Load* load) {
    load->expires_at = std::min(load->expires_at, expires_at);
    load->tags.period = load->tags.period.meet(tags.period);
    for (uint32 i = 0; i < tags.count; ++i) {
        add_tag(load, tags.tag[i], tags.is_key[i], tags.cache[i]);
    }
}

bool spoil_load(Bypass reason) {
    if (reason == Bypass::kNone) return false;
    if (inside_load()) {
        innermost_load->publishable = false;
        innermost_load->because = reason;
    }
    return true;
}

void enter_load(const Definition* d, const core::Snapshot& snapshot, Load* load) {
    // What has become tracked by then was read when all had sent their messages who had changed it.
    const uint64 tracked_changes = store().tracked_changes();
    AcceptInvalidationMessages();
    *load = {.outer = innermost_load,
             .definition = d,
             .snapshot = &snapshot,
             .tags = {},
             .expires_at = core::kNever,
             .publishable = true,
             .number = ++loads,
             .because = Bypass::kNested,
             .tracks = d->tracks,
             .context = CurrentMemoryContext,
             .relations = nullptr,
             .met = Bypass::kNone,
             .met_object = InvalidOid,
             .asks_of_session = false,
             .asked = InvalidOid,
             .functions = NIL,
             .serial = core::load_relaxed(store().control(d->session->index)->serial),
             .worker_queries = queries_in_workers(),
             .tracked_changes = tracked_changes,
             .messages = SharedInvalidMessageCounter};
    load->tags.period = core::Period::always();
    innermost_load = load;
}

void leave_load(const Load& load, bool failed) {
    innermost_load = load.outer;
    // An outer loader may catch the error and make a value of it.
    if (failed) spoil_outer();
}

}  // namespace cache_ext::pg
