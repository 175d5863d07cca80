#include "pg/load/running_load.hpp"

#include "pg/catalog/group_tags.hpp"
#include "pg/load/gathering.hpp"
#include "pg/load/worker_reads.hpp"

extern "C" {
#include "storage/sinval.h"
#include "utils/inval.h"
}

namespace cache_ext::pg {

using core::Bypass;

Load* innermost_load = nullptr;

namespace {

// Each costs every hit a look at its ring: from so many on those that can be are gathered.
constexpr uint32 kManyTags = 16;

uint64 loads = 0;

bool has_tag(const Load& load, core::Tag tag) {
    const core::EntryTags& all = load.tags;
    return std::find(all.tag, all.tag + all.count, tag) != all.tag + all.count;
}

const core::Span* span_of(const core::EntryTags& tags, uint32 i) {
    return tags.ranged[i] ? &tags.span[i] : nullptr;
}

// A tag that the load has already: other instants of it may matter, too.
void widen_tag(Load* load, core::Tag tag, const core::Span* span) {
    core::EntryTags& all = load->tags;
    const auto i = static_cast<size_t>(std::find(all.tag, all.tag + all.count, tag) - all.tag);
    all.ranged[i] = all.ranged[i] && span != nullptr;
    if (all.ranged[i]) all.span[i] = all.span[i].hull(*span);
}

// span: the instants that matter of a ranged tag; nullptr: it is none.
void append_tag(Load* load, core::Tag tag, bool is_key, core::CacheIndex cache, TagOwner owner,
                const core::Span* span) {
    core::EntryTags& all = load->tags;
    load->owner[all.count] = owner;
    all.tag[all.count] = tag;
    all.is_key[all.count] = is_key;
    all.ranged[all.count] = span != nullptr;
    if (span != nullptr) all.span[all.count] = *span;
    all.owner[all.count] = owner.id != 0 ? owner.index : core::kNoCache;
    all.cache[all.count++] = cache;
}

bool same_cache(const TagOwner& a, const TagOwner& b) {
    return a.id != 0 && a.id == b.id;
}

bool same_leading(const TagOwner& a, const TagOwner& b) {
    return a.leading != kNoLeadingTag && a.leading == b.leading;
}

using Alike = bool (*)(const TagOwner& a, const TagOwner& b);

// Whose like there is most of; one of none, if there are no two alike.
TagOwner most_alike(const Load& load, Alike alike) {
    TagOwner most = {};
    std::ptrdiff_t count = 1;
    for (uint32 i = 0; i < load.tags.count; ++i) {
        const TagOwner& one = load.owner[i];
        const std::ptrdiff_t n =
            std::count_if(load.owner, load.owner + load.tags.count,
                          [&](const TagOwner& other) { return alike(one, other); });
        if (n > count) {
            most = one;
            count = n;
        }
    }
    return most;
}

// One tag in the place of all that are like this one.
void replace(Load* load, const TagOwner& one, Alike alike, core::Tag tag, TagOwner owner) {
    const core::EntryTags before = load->tags;
    load->tags.count = 0;
    TagOwner owners[core::kMaxTags];
    std::copy_n(load->owner, before.count, owners);
    for (uint32 i = 0; i < before.count; ++i) {
        if (alike(one, owners[i])) continue;
        append_tag(load, before.tag[i], before.is_key[i], before.cache[i], owners[i],
                   span_of(before, i));
    }
    append_tag(load, tag, false, core::kNoCache, owner, nullptr);
}

// Makes room: one tag for those of the same first column that there are most of, or else for any
// key of the cache that most are of. False: nothing is gained by that, or it cannot be.
bool gather(Load* load) {
    const TagOwner leading = most_alike(*load, same_leading);
    if (leading.id != 0 && gather_keys(Gathering::kLeading, leading.index, leading.id)) {
        replace(load, leading, same_leading, leading.leading,
                {leading.id, leading.index, kNoLeadingTag});
        return true;
    }
    const TagOwner any = most_alike(*load, same_cache);
    if (any.id == 0 || !gather_keys(Gathering::kAny, any.index, any.id)) return false;
    replace(load, any, same_cache, any_key_tag({MyDatabaseId, any.id}), {});
    return true;
}

bool is_gathered(const Load& load, const TagOwner& owner) {
    return (owner.id != 0 && has_tag(load, any_key_tag({MyDatabaseId, owner.id}))) ||
           (owner.leading != kNoLeadingTag && has_tag(load, owner.leading));
}

TagOwner owner_of_keys(const Definition* d, const Key& key) {
    return {d->id, d->session->index, leading_tag_of(d, key)};
}

// Of a tag that an entry has taken over from what its loader has read: whose key it is, or was when
// the entry was there. (If that cache is gone, what has its tags is not published.)
TagOwner owner_of_tag(const core::EntryTags& tags, uint32 i) {
    if (tags.owner[i] == core::kNoCache) return {};
    return {core::load_relaxed(store().control(tags.owner[i])->id), tags.owner[i], kNoLeadingTag};
}

// Not one that its loader has read elsewhere?
bool is_own_tag(const Definition* d, const Key& key, core::Tag tag) {
    if (tag == key.view.hash) return true;
    for (int i = 0; i < d->mask_count; ++i) {
        if (tag == group_tag(d, i, key.column_hash)) return true;
    }
    return false;
}

void limit(Load* load, const core::Period& period, core::Millis expires_at) {
    load->expires_at = std::min(load->expires_at, expires_at);
    load->tags.period = load->tags.period.meet(period);
}

}  // namespace

void add_tag(Load* load, core::Tag tag, bool is_key, core::CacheIndex cache, TagOwner owner,
             const core::Span* span) {
    if (has_tag(*load, tag)) {
        widen_tag(load, tag, span);
        return;
    }
    if (is_gathered(*load, owner)) return;
    if (load->tags.count >= kManyTags && gather(load) && is_gathered(*load, owner)) return;
    if (load->tags.count == core::kMaxTags) {
        load->publishable = false;
        return;
    }
    append_tag(load, tag, is_key, cache, owner, span);
}

// They stay as they are in the cache's own entries: what these have beyond them is read from others
// (own_write_below()).
void add_part_tags(const Definition* d, const Key& key, Load* load) {
    for (int i = 0; i < d->mask_count; ++i) {
        core::Span span;
        const bool ranged = d->bounds[i].any();
        if (ranged) span = group_span(d, i, key);
        add_tag(load, group_tag(d, i, key.column_hash), false, core::kNoCache, {},
                ranged ? &span : nullptr);
    }
}

uint64 current_load() {
    return innermost_load != nullptr ? innermost_load->number : 0;
}

void add_hit_to_outer(const Definition* d, const Key& key, const core::EntryTags& tags,
                      core::Millis expires_at) {
    Load* outer = innermost_load;
    if (outer == nullptr) return;
    limit(outer, tags.period, expires_at);
    const TagOwner own = owner_of_keys(d, key);
    for (uint32 i = 0; i < tags.count; ++i) {
        const TagOwner owner = is_own_tag(d, key, tags.tag[i]) ? own : owner_of_tag(tags, i);
        add_tag(outer, tags.tag[i], tags.is_key[i], tags.cache[i], owner, span_of(tags, i));
    }
}

void add_load_to_outer(const Definition* d, const Key& key, const Load& load,
                       core::Millis expires_at) {
    Load* outer = innermost_load;
    if (outer == nullptr) return;
    limit(outer, load.tags.period, expires_at);
    const TagOwner own = owner_of_keys(d, key);
    for (uint32 i = 0; i < load.tags.count; ++i) {
        const TagOwner owner = is_own_tag(d, key, load.tags.tag[i]) ? own : load.owner[i];
        add_tag(outer, load.tags.tag[i], load.tags.is_key[i], load.tags.cache[i], owner,
                span_of(load.tags, i));
    }
    add_tag(outer, key.view.hash, true, core::kNoCache, own);
    add_tag(outer, whole_tag(d->cache_id()), false, d->session->index, {});
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
             .owner = {},
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
             .setting = nullptr,
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
