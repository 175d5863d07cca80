#include "core/tags.hpp"

#include <algorithm>

#include "core/nodes.hpp"
#include "core/slots.hpp"

namespace cache_ext::core {
namespace {

// The ring of a whole cache serves one tag: what it drops needs no further care.
void write_whole(const Block& block, const WrittenTag& written, const WriterRecord& record,
                 const Ended& ended) {
    CacheControl& c = *block.control(written.cache);
    if (load_relaxed(c.whole_tag) != record.tag) return;
    // What is on record already is no news: whoever is blind to it has it among its unseen writers.
    // Many register the same prepared transaction again and again.
    const bool known = c.whole.has(record.tag, record.xid);
    if (known && (!written.hard || c.whole.has_hard(record.xid))) return;
    WriterRecord dropped[kRingCapacity];
    const std::uint32_t before = c.whole.hard_count;
    c.whole.add(record, ended, dropped);
    if (before == kMaxHard && c.whole.hard_lost) hard_unknown_below(&c, c.whole.largest + 1);
}

}  // namespace

bool register_writer(const Block& block, const WrittenTag& written, Xid xid, const Ended& ended) {
    const Tag tag = written.tag;
    const bool whole = written.kind == TagKind::kWhole;
    WriterRecord record = {};
    record.xid = xid;
    record.tag = tag;
    record.borrowed = written.borrowed ? 1 : 0;
    record.hard = whole && written.hard ? 1 : 0;
    record.at = block.clock.now();
    const PartitionWriter guard(block, partition_of(tag));
    record.seq = ++block.partition(tag)->seq;
    if (whole) {
        write_whole(block, written, record, ended);
        return false;
    }
    const Ref node = find_node(block, tag);
    // The same: a transaction comes back to a tag that many of its keys share.
    if (written.kind == TagKind::kPart && written.span.covers(Span{}) &&
        (node != kNullRef ? block.node(node)->ring : *block.slot(tag)).has(tag, xid)) {
        return false;
    }
    if (node != kNullRef) {
        WriterRecord dropped[kRingCapacity];
        TagNode& n = *block.node(node);
        const std::uint32_t count = n.ring.add(record, ended, dropped);
        if (n.spans != kNullRef) {
            block.spans_of(n)->add(record.seq, written.span, dropped, count);
        }
        if (written.kind != TagKind::kKey) return false;
    }
    write_slot(block, record, ended);
    if (written.kind == TagKind::kKey) add_to_accounts(block, record, written.delta, ended);
    // A witness has ended, so what is read from now on sees it; only overflow is felt by everybody.
    return block.slot(tag)->overflowed && has_bystander(block, tag);
}

std::uint32_t possibly_running(const Block& block, const WrittenTag& written, Xid* out) {
    const Tag tag = written.tag;
    const PartitionReader guard(block, partition_of(tag));
    if (written.kind == TagKind::kWhole) {
        const CacheControl& c = *block.control(written.cache);
        return load_relaxed(c.whole_tag) == tag ? c.whole.possibly_running(out) : 0;
    }
    std::uint32_t n = block.slot(tag)->possibly_running(out);
    const Ref node = find_node(block, tag);
    if (node != kNullRef) n += block.node(node)->ring.possibly_running(out + n);
    if (written.delta != nullptr) n += undecided_writers(block, *written.delta, out + n);
    return n;
}

bool agree(const Block& block, const WrittenTag& written, Xid self, const Snapshot& f,
           const Snapshot& s) {
    const Tag tag = written.tag;
    const PartitionReader guard(block, partition_of(tag));
    const Ref node = written.kind == TagKind::kPart ? find_node(block, tag) : kNullRef;
    const WriterRing& ring = written.kind == TagKind::kWhole ? block.control(written.cache)->whole
                             : node != kNullRef              ? block.node(node)->ring
                                                             : *block.slot(tag);
    if (!ring.usable(f) || !ring.usable(s)) return false;
    for (std::uint32_t i = 0; i < ring.record_count; ++i) {
        const WriterRecord& r = ring.records[i];
        if (r.tag != tag || r.xid == self) continue;
        if (f.in_progress(r.xid) != s.in_progress(r.xid)) return false;
    }
    return true;
}

bool all_seen(const Block& block, Tag tag, Xid self, const Snapshot& f, WriterSet* unseen) {
    unseen->count = 0;
    const PartitionReader guard(block, partition_of(tag));
    const WriterRing& ring = *block.slot(tag);
    if (!ring.usable(f)) return false;
    for (std::uint32_t i = 0; i < ring.record_count; ++i) {
        const WriterRecord& r = ring.records[i];
        if (r.tag != tag || r.xid == self || !f.in_progress(r.xid)) continue;
        unseen->xid[unseen->count++] = r.xid;
    }
    return true;
}

bool sees_hard(const CacheControl& cache, const Snapshot& f) {
    return f.xmin >= cache.known_from && cache.whole.sees_hard(f);
}

void hard_unknown_below(CacheControl* cache, Xid next_xid) {
    cache->known_from = std::max(cache->known_from, next_xid);
    cache->known_for_good = std::max(cache->known_for_good, next_xid);
}

bool usable_as_old(const Block& block, CacheIndex cache, const Snapshot& f) {
    const CacheControl& c = *block.control(cache);
    const Tag tag = load_relaxed(c.whole_tag);
    const PartitionReader guard(block, partition_of(tag));
    return tag != 0 && load_relaxed(c.whole_tag) == tag && sees_hard(c, f);
}

bool usable(const Block& block, CacheIndex cache, const Snapshot& f) {
    const CacheControl& c = *block.control(cache);
    const Tag tag = load_relaxed(c.whole_tag);
    const PartitionReader guard(block, partition_of(tag));
    return tag != 0 && load_relaxed(c.whole_tag) == tag && c.whole.usable(f);
}

bool hard_writers(const Block& block, CacheIndex cache, Xid* out, std::uint32_t* count) {
    const CacheControl& c = *block.control(cache);
    const PartitionReader guard(block, partition_of(load_relaxed(c.whole_tag)));
    *count = c.whole.hard_count;
    std::copy_n(c.whole.hard, c.whole.hard_count, out);
    return !c.whole.hard_lost;
}

Xid lost_hard_below(const Block& block, CacheIndex cache) {
    const CacheControl& c = *block.control(cache);
    const PartitionReader guard(block, partition_of(load_relaxed(c.whole_tag)));
    if (!c.whole.hard_lost) return 0;
    return c.whole.horizon != 0 ? c.whole.horizon : c.whole.largest + 1;
}

void trust(const Block& block, CacheIndex cache) {
    CacheControl& c = *block.control(cache);
    const Tag tag = load_relaxed(c.whole_tag);
    const PartitionWriter guard(block, partition_of(tag));
    if (load_relaxed(c.whole_tag) != tag) return;
    if (c.whole.distrusted) c.known_from = c.known_for_good;
    c.whole.trust();
}

void distrust(const Block& block, CacheIndex cache, Xid next_xid) {
    CacheControl& c = *block.control(cache);
    const Tag tag = load_relaxed(c.whole_tag);
    const PartitionWriter guard(block, partition_of(tag));
    if (load_relaxed(c.whole_tag) != tag) return;
    // The record speaks against the entries that are there, the rest against blind fills.
    WriterRecord record = {};
    record.xid = next_xid - 1;
    record.tag = tag;
    record.seq = ++block.partition(tag)->seq;
    record.borrowed = 1;
    WriterRecord dropped[kRingCapacity];
    c.whole.add(record, Ended{}, dropped);
    c.whole.last_hard = c.whole.last_seq;
    c.whole.distrust(next_xid);
    c.whole.distrusted = false;
    hard_unknown_below(&c, next_xid);
}

}  // namespace cache_ext::core
