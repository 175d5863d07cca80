#include "core/spans.hpp"

namespace cache_ext::core {

void NodeSpans::init(std::uint16_t piece_place, std::uint8_t most_forgotten) {
    *this = NodeSpans{};
    place = piece_place;
    capacity = most_forgotten;
}

void NodeSpans::add(Seq seq, const Span& span, const WriterRecord* dropped,
                    std::uint32_t dropped_count) {
    for (std::uint32_t i = 0; i < dropped_count; ++i) {
        forget({take(dropped[i].seq), dropped[i].seq});
    }
    // There is room: what is here is in the ring, too. Were there none, it would be of any instant.
    if (record_count < kRangedCapacity) records[record_count++] = {span, seq};
}

Span NodeSpans::span_of(Seq seq) const {
    for (std::uint32_t i = 0; i < record_count; ++i) {
        if (records[i].seq == seq) return records[i].span;
    }
    return {};
}

Span NodeSpans::take(Seq seq) {
    for (std::uint32_t i = 0; i < record_count; ++i) {
        if (records[i].seq != seq) continue;
        const Span span = records[i].span;
        records[i] = records[--record_count];
        return span;
    }
    return {};
}

// When there are too many two become one: those whose hull is the smallest, so that little is
// forgotten that nobody has changed lately.
void NodeSpans::forget(const SpanRecord& dropped) {
    forgotten[forgotten_count++] = dropped;
    if (forgotten_count <= capacity) return;
    std::uint32_t left = 0, right = 1;
    std::uint64_t smallest = UINT64_MAX;
    for (std::uint32_t j = 1; j < forgotten_count; ++j) {
        for (std::uint32_t i = 0; i < j; ++i) {
            const std::uint64_t width = forgotten[i].span.hull(forgotten[j].span).width();
            if (width >= smallest) continue;
            smallest = width;
            left = i;
            right = j;
        }
    }
    forgotten[left] = {forgotten[left].span.hull(forgotten[right].span),
                       std::max(forgotten[left].seq, forgotten[right].seq)};
    std::copy(forgotten + right + 1, forgotten + forgotten_count, forgotten + right);
    --forgotten_count;
}

WriterRing NodeSpans::concerning(const WriterRing& ring, const Span& own) const {
    WriterRing left = ring;
    left.record_count = 0;
    for (std::uint32_t i = 0; i < ring.record_count; ++i) {
        const WriterRecord& r = ring.records[i];
        if (span_of(r.seq).meets(own)) left.records[left.record_count++] = r;
    }
    return left;
}

WriterRing NodeSpans::against(const WriterRing& ring, Tag tag, Seq seq, const Unseen& unseen,
                              const Span& own) const {
    WriterRing left = concerning(ring, own);
    const auto contradicts = [&](const SpanRecord& f) {
        return f.span.meets(own) && (f.seq > seq || unseen.count > 0);
    };
    if (std::any_of(forgotten, forgotten + forgotten_count, contradicts)) {
        WriterRecord record = {};
        record.tag = tag;
        record.seq = seq + 1;
        record.at = kNever;  // older_since() goes by the witness for what is forgotten
        left.records[left.record_count++] = record;
    }
    return left;
}

}  // namespace cache_ext::core
