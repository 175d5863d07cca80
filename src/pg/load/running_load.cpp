#include "pg/load/running_load.hpp"

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

void enter_load(const core::Snapshot& snapshot, Load* load) {
    *load = {innermost_load, &snapshot, {}, core::kNever, true, ++loads, Bypass::kNested};
    innermost_load = load;
}

void leave_load(const Load& load, bool failed) {
    innermost_load = load.outer;
    // An outer loader may catch the error and make a value of it.
    if (failed) spoil_outer();
}

}  // namespace cache_ext::pg
