// One cached value, as it lies in the arena.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/account.hpp"
#include "core/arena.hpp"
#include "core/atomic.hpp"
#include "core/clock.hpp"
#include "core/origin.hpp"
#include "core/period.hpp"
#include "core/spans.hpp"
#include "core/writers.hpp"

namespace cache_ext::core {

// A tag of an entry beyond its own key and its whole cache: the tag's node, pinned by this
// reference, or another cache as a whole (its loader has read that cache); and last_seq of the
// tag's ring when the entry was published.
struct TagRef {
    static constexpr std::uint16_t kUnknown = UINT16_MAX;

    Ref node;             // kNullRef: the whole-cache ring of another cache
    std::uint16_t cache;  // that one's control block; with a node: of the cache whose key, or a
                          // part of one, the tag is, or kUnknown
    std::uint16_t span;   // 0, or: which of the entry's spans, from 1 on
    Seq seq;

    // Does the entry depend on some instants of the tag only?
    bool ranged() const { return span != 0; }
};
static_assert(sizeof(TagRef) == 16 && std::is_trivially_copyable_v<TagRef>);

inline constexpr std::uint32_t kMaxTags = 64;        // TagRefs of one entry
inline constexpr std::uint32_t kMaxKeyBytes = 8192;  // encoded key
inline constexpr std::uint8_t kMaxFrequency = 3;     // two bits, as in S3-FIFO

// Uses of an entry are counted one by one up to here, and then one in kHitSample for all of them:
// a hot entry's line stays unwritten, and with it in every processor's cache.
inline constexpr std::uint32_t kCountedHits = 16;
inline constexpr std::uint32_t kHitSample = 16;

// In which queue an entry hangs. From kWheel on, each slot of a CostWheel has a number.
enum class Queue : std::uint8_t { kNone, kSmall, kMain, kWheel };

// When an entry expires, in 32 bits: milliseconds after its calculation; beyond 24 days whole
// seconds, rounded down.
struct Lifetime {
    static constexpr std::uint32_t kForever = UINT32_MAX;
    static constexpr std::uint32_t kSeconds = std::uint32_t{1} << 31;

    std::uint32_t packed;

    static constexpr Lifetime between(Millis from, Millis to) {
        if (to == kNever) return {kForever};
        const Millis ms = to - from;
        if (ms < Millis{kSeconds}) return {ms > 0 ? static_cast<std::uint32_t>(ms) : 0};
        const Millis seconds = std::min<Millis>(ms / 1000, ~kSeconds - 1);
        return {static_cast<std::uint32_t>(seconds) | kSeconds};
    }
    constexpr bool forever() const { return packed == kForever; }
    constexpr Millis end(Millis from) const {
        if (forever()) return kNever;
        return from + (packed < kSeconds ? packed : Millis{packed & ~kSeconds} * 1000);
    }
};

// Values begin at a multiple of this, so that they can be used where they are.
inline constexpr std::size_t kValueAlignment = 8;

// What follows an entry's value.
struct EntryTail {
    bool period = false;
    bool origin = false;
    std::size_t account = 0;  // bytes
    std::uint32_t spans = 0;
};

// Written once before it is linked into the index and constant from then on, except for the fields
// that say otherwise. Readers hold the partition lock of `hash`, shared.
//
// Followed by TagRef[tag_count], Xid[unseen_count], the key, padding, and the value; if it holds
// for a Period only, has an Origin, or an Account because writers adjust it, by padding and these;
// and by padding and a Span for each ranged tag. Value and account of an adjusted one are written
// under the exclusive lock.
struct Entry {
    Tag hash;        // of (database, cache, key): also the tag of the full key
    Ref next;        // index chain; once dead, the list of those that wait to be
                     // freed. Partition lock, or that of the list.
    Ref queue_prev;  // towards the newer end. Budget lock.
    Ref queue_next;  // towards the older end. Budget lock.
    std::uint32_t value_bytes;
    Seq key_seq : 48;      // last_seq of the key's ring slot when this was published
    std::uint16_t cache;   // index of the control block
    Seq cache_seq : 48;    // last_seq of the whole-cache ring when this was published
    std::uint16_t budget;  // index of the control block whose queue holds this
    Millis calculated_at : 48;
    std::uint16_t key_bytes;
    Lifetime lifetime;            // from calculated_at
    std::uint32_t refresh_after;  // ms after calculated_at, UINT32_MAX: never
    std::uint32_t load_us;        // what the loader took
    std::uint32_t hits;           // atomic, relaxed; exact up to kCountedHits
    std::uint8_t tag_count;
    std::uint8_t unseen_count;
    Queue queue;                   // budget lock
    std::uint8_t frequency;        // atomic, relaxed; readers raise it, eviction lowers it
    std::uint16_t flags;           // partition lock, but for those that are constant
    std::uint8_t refresh_claimed;  // atomic: 1 once somebody asked for a refresh
    // 1: no value, only an account, for a load that runs. Constant; read without a lock.
    std::uint8_t opened;

    static constexpr std::uint16_t kNullFlag = 1;     // the value is SQL NULL; constant
    static constexpr std::uint16_t kDeadFlag = 2;     // no longer in the index, waits to be freed
    static constexpr std::uint16_t kPutOffFlag = 4;   // refresh_after says when to ask again
    static constexpr std::uint16_t kPackedFlag = 8;   // Fill::packed; constant
    static constexpr std::uint16_t kPeriodFlag = 16;  // a Period follows the value; constant
    static constexpr std::uint16_t kOriginFlag = 32;  // an Origin follows; constant
    static constexpr std::uint16_t kOldFlag = 64;  // what speaks against it is gone from the rings
    // Those of an account; an entry that has one has no Origin, and is never kept as an old one.
    static constexpr std::uint16_t kAccountFlag = 128;  // the value is Amounts; constant
    static constexpr std::uint16_t kDeltasFlag = 256;   // it has been more than plain()
    // From refresh_after on each read asks by chance (early.hpp); constant.
    static constexpr std::uint16_t kEarlyFlag = 512;
    static constexpr std::uint16_t kPutFlag = 1024;  // Fill::put; constant
    bool is_null() const { return (flags & kNullFlag) != 0; }
    bool is_packed() const { return (flags & kPackedFlag) != 0; }
    bool has_period() const { return (flags & kPeriodFlag) != 0; }
    bool has_origin() const { return (flags & kOriginFlag) != 0; }
    // Not to be judged by the rings: it is as old as its Origin says, or of no use but to be
    // loaded again. Its key_seq, or an unseen writer, keeps the quick check from serving it.
    bool is_old() const { return (flags & kOldFlag) != 0; }
    bool is_early() const { return (flags & kEarlyFlag) != 0; }
    bool is_put() const { return (flags & kPutFlag) != 0; }
    bool is_dead() const { return (flags & kDeadFlag) != 0; }
    bool has_account() const { return (flags & kAccountFlag) != 0; }
    bool is_opened() const { return opened != 0; }
    bool has_deltas() const { return (flags & kDeltasFlag) != 0; }

    TagRef* tags() { return reinterpret_cast<TagRef*>(this + 1); }
    const TagRef* tags() const { return reinterpret_cast<const TagRef*>(this + 1); }
    Xid* unseen() { return reinterpret_cast<Xid*>(tags() + tag_count); }
    const Xid* unseen() const { return reinterpret_cast<const Xid*>(tags() + tag_count); }
    std::uint8_t* key() { return reinterpret_cast<std::uint8_t*>(unseen() + unseen_count); }
    const std::uint8_t* key() const {
        return reinterpret_cast<const std::uint8_t*>(unseen() + unseen_count);
    }
    std::uint8_t* value() { return key() + padded(key_bytes); }
    const std::uint8_t* value() const { return key() + padded(key_bytes); }

    Period* period_place() { return reinterpret_cast<Period*>(value() + padded(value_bytes)); }
    Period period() const {
        if (!has_period()) return Period::always();
        return *reinterpret_cast<const Period*>(value() + padded(value_bytes));
    }

    // Only if it has one.
    Origin* origin() {
        std::uint8_t* end = value() + padded(value_bytes);
        return reinterpret_cast<Origin*>(has_period() ? end + sizeof(Period) : end);
    }
    const Origin* origin() const { return const_cast<Entry*>(this)->origin(); }

    // has_account() only; such an entry has no ranged tags.
    Account* account() { return reinterpret_cast<Account*>(value() + account_offset()); }
    const Account* account() const {
        return reinterpret_cast<const Account*>(value() + account_offset());
    }
    std::size_t account_offset() const {
        return padded(value_bytes) + (has_period() ? sizeof(Period) : 0);
    }

    // As many as it has ranged tags.
    Span* spans() {
        return reinterpret_cast<Span*>(value() + padded(value_bytes) +
                                       (has_period() ? sizeof(Period) : 0) +
                                       (has_origin() ? sizeof(Origin) : 0));
    }
    const Span& span_of(const TagRef& ranged) const {
        return const_cast<Entry*>(this)->spans()[ranged.span - 1];
    }

    Unseen unseen_set() const {
        Unseen set;
        for (std::uint32_t i = 0; i < unseen_count; ++i) set.add(unseen()[i]);
        return set;
    }
    Millis expires_at() const { return lifetime.end(calculated_at); }
    bool expired(Millis now) const { return now >= expires_at(); }
    // Does the time matter to whoever reads it?
    bool timed() const { return !lifetime.forever() || refresh_after != UINT32_MAX; }
    // Past its refresh point, and nobody has claimed that yet.
    bool refresh_due(Millis now) const {
        return refresh_after != UINT32_MAX && now >= calculated_at + refresh_after &&
               load_relaxed(refresh_claimed) == 0;
    }

    static constexpr std::size_t padded(std::size_t bytes) {
        return (bytes + kValueAlignment - 1) / kValueAlignment * kValueAlignment;
    }
    static std::size_t bytes_for(std::uint32_t tags, std::uint32_t unseen, std::size_t key,
                                 std::size_t value, const EntryTail& tail = {}) {
        const std::size_t after = (tail.period ? sizeof(Period) : 0) +
                                  (tail.origin ? sizeof(Origin) : 0) + tail.account +
                                  tail.spans * sizeof(Span);
        return sizeof(Entry) + tags * sizeof(TagRef) + unseen * sizeof(Xid) + padded(key) +
               (after > 0 ? padded(value) + after : value);
    }
};
static_assert(std::is_trivially_copyable_v<Entry>);
static_assert(sizeof(Entry) == 72);
static_assert(sizeof(Entry) % kValueAlignment == 0 && sizeof(TagRef) % kValueAlignment == 0 &&
              sizeof(Xid) % kValueAlignment == 0 && Arena::kAlignment % kValueAlignment == 0);

}  // namespace cache_ext::core
