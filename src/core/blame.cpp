#include "core/blame.hpp"

namespace cache_ext::core {

Blame blame(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& s,
            EntryTags* tags) {
    tags->count = 0;
    Blame found;
    {
        const PartitionReader guard(block, partition_of(key.hash));
        const Ref ref = find_entry(block, cache, key);
        if (ref != kNullRef) {
            const Entry& e = *block.entry(ref);
            collect_tags(block, e, tags);
            const Unseen unseen = e.unseen_set();
            if (e.has_account()) {
                found.tag = e.hash;
                found.rule = e.account()->blame(s, &found.xid);
                if (found.rule != Rule::kNone) return found;
            }
            all_rings(block, e, [&](const WriterRing& ring, Tag tag, Seq seq) {
                found.rule = ring.blame(tag, seq, unseen, s, &found.xid);
                found.tag = tag;
                return found.rule == Rule::kNone;
            });
            return found;
        }
    }
    return blame_for_fill(block, cache, key, s);
}

Blame blame_for_fill(const Block& block, CacheIndex cache, const KeyView& key, const Snapshot& f) {
    Blame found;
    Unseen unseen;
    const auto ask = [&](const WriterRing& ring, Tag tag) {
        found.tag = tag;
        found.rule = ring.blame(f, &found.xid);
        if (found.rule != Rule::kNone || ring.unseen_by(tag, f, &unseen)) return;
        found.rule = Rule::kBlind;
        found.xid = ring.newest(tag);
    };
    const CacheControl& c = *block.control(cache);
    const Tag whole = load_relaxed(c.whole_tag);
    {
        const PartitionReader guard(block, partition_of(whole));
        ask(c.whole, whole);
    }
    if (found.rule != Rule::kNone) return found;
    const PartitionReader guard(block, partition_of(key.hash));
    ask(*block.slot(key.hash), key.hash);
    return found;
}

}  // namespace cache_ext::core
