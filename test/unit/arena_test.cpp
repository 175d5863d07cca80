#include "core/arena.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <vector>

namespace cache_ext::core {
namespace {

// Memory for an arena, full of rubbish: format() must not rely on zeroes.
class Memory {
  public:
    explicit Memory(std::size_t bytes) : units_(bytes / sizeof(Unit) + 1), bytes_(bytes) {
        std::memset(units_.data(), 0xA5, units_.size() * sizeof(Unit));
    }
    std::byte* data() { return units_.data()->bytes; }
    std::size_t size() const { return bytes_; }

    Arena format() {
        EXPECT_TRUE(Arena::format(data(), bytes_));
        return Arena(data());
    }

  private:
    struct alignas(16) Unit {
        std::byte bytes[16];
    };
    std::vector<Unit> units_;
    std::size_t bytes_;
};

// Nothing is allocated, and what is free is one block.
void expect_empty(const Arena& arena) {
    const ArenaStats stats = arena.stats();
    EXPECT_EQ(stats.allocated_bytes, 0U);
    EXPECT_EQ(stats.allocated_blocks, 0U);
    EXPECT_EQ(stats.largest_free, stats.capacity);
    EXPECT_TRUE(arena.check());
}

// Requests of `bytes` until one is refused.
std::vector<Ref> fill(Arena arena, std::size_t bytes) {
    std::vector<Ref> refs;
    for (Ref ref = arena.allocate(bytes); ref != kNullRef; ref = arena.allocate(bytes))
        refs.push_back(ref);
    return refs;
}

// 0.2 to 20 KB, log-normal.
class ValueSizes {
  public:
    explicit ValueSizes(double median) : distribution_(std::log(median), 0.9) {}
    std::size_t operator()(std::mt19937_64& random) {
        double bytes;
        do bytes = distribution_(random);
        while (bytes < 200 || bytes > 20000);
        return static_cast<std::size_t>(bytes);
    }

  private:
    std::lognormal_distribution<double> distribution_;
};

TEST(ArenaFormat, RefusesABlockThatIsNullMisalignedTooSmallOrTooLarge) {
    Memory memory(Arena::min_bytes() + 16);
    EXPECT_FALSE(Arena::format(nullptr, memory.size()));
    EXPECT_FALSE(Arena::format(memory.data() + 8, Arena::min_bytes()));
    EXPECT_FALSE(Arena::format(memory.data(), Arena::min_bytes() - 1));
    EXPECT_FALSE(Arena::format(memory.data(), Arena::kMaxBytes + 1));
    const std::byte* end = memory.data() + memory.size();
    EXPECT_EQ(std::count(memory.data(), memory.data() + memory.size(), std::byte{0xA5}),
              end - memory.data())
        << "a refused block was written to";
    EXPECT_TRUE(Arena::format(memory.data(), Arena::min_bytes()));
}

TEST(ArenaFormat, SmallestBlockServesExactlyOneSmallestRequest) {
    Memory memory(Arena::min_bytes());
    Arena arena = memory.format();
    EXPECT_EQ(arena.max_allocation(), 8U);
    EXPECT_EQ(arena.allocate(9), kNullRef);
    const Ref ref = arena.allocate(8);
    ASSERT_NE(ref, kNullRef);
    EXPECT_EQ(arena.allocate(0), kNullRef);
    EXPECT_TRUE(arena.check());
    arena.free(ref);
    expect_empty(arena);
}

TEST(ArenaFormat, LeavesBytesThatDoNotFillAUnitAlone) {
    Memory memory((64 << 10) + 15);
    Arena arena = memory.format();
    const Ref ref = arena.allocate(arena.max_allocation());
    ASSERT_NE(ref, kNullRef);
    std::memset(arena.at(ref), 0xFF, arena.max_allocation());
    EXPECT_TRUE(arena.check());
    const auto* end = static_cast<const std::byte*>(arena.at(ref)) + arena.max_allocation();
    EXPECT_LE(end, memory.data() + (64 << 10));
    for (std::size_t i = 64 << 10; i < memory.size(); i++)
        EXPECT_EQ(memory.data()[i], std::byte{0xA5});
}

TEST(ArenaFormat, ReachesTheLastUnitOf64GiB) {
    void* block = mmap(nullptr, Arena::kMaxBytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (block == MAP_FAILED) GTEST_SKIP() << "no address space for 64 GiB";
    ASSERT_TRUE(Arena::format(block, Arena::kMaxBytes));
    Arena arena(block);
    EXPECT_EQ(arena.stats().capacity, Arena::kMaxBytes - sizeof(ArenaHeader) - Arena::kUnit);

    const Ref all = arena.allocate(arena.max_allocation());
    ASSERT_NE(all, kNullRef);
    EXPECT_EQ(arena.gross_bytes(all), arena.stats().capacity);
    EXPECT_EQ(arena.allocate(1), kNullRef);
    arena.free(all);
    expect_empty(arena);

    const Ref low = arena.allocate(arena.max_allocation() - 4096);
    const Ref high = arena.allocate(4096 - Arena::kOverhead);
    ASSERT_NE(low, kNullRef);
    ASSERT_NE(high, kNullRef);
    EXPECT_EQ(high, UINT32_MAX - 4096 / Arena::kUnit);
    std::memset(arena.at(high), 0xFF, 4096 - Arena::kOverhead);
    EXPECT_EQ(arena.ref_of(arena.at(high)), high);
    EXPECT_TRUE(arena.check());
    arena.free(low);
    arena.free(high);
    expect_empty(arena);
    munmap(block, Arena::kMaxBytes);
}

TEST(Arena, PayloadIsAlignedAndHoldsWhatWasRequested) {
    Memory memory(4 << 20);
    Arena arena = memory.format();
    Ref previous = kNullRef;
    for (std::size_t bytes = 0; bytes <= 1200; bytes++) {
        const Ref ref = arena.allocate(bytes);
        ASSERT_NE(ref, kNullRef);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(arena.at(ref)) % Arena::kAlignment, 0U);
        EXPECT_EQ(arena.ref_of(arena.at(ref)), ref);
        EXPECT_EQ(arena.gross_bytes(ref), Arena::gross_size(bytes));
        EXPECT_GE(arena.gross_bytes(ref), bytes + Arena::kOverhead);
        EXPECT_LT(arena.gross_bytes(ref), bytes + Arena::kOverhead + Arena::kUnit);
        if (previous != kNullRef) {  // an empty arena is cut from its beginning
            EXPECT_EQ(ref, previous + arena.gross_bytes(previous) / Arena::kUnit);
        }
        std::memset(arena.at(ref), 0xFF, bytes);
        previous = ref;
    }
    EXPECT_TRUE(arena.check()) << "a payload reaches into a header";
}

TEST(Arena, RefusesARequestBeyondTheBlockWhateverItsSize) {
    Memory memory(64 << 10);
    Arena arena = memory.format();
    for (const std::size_t bytes :
         {arena.max_allocation() + 1, std::size_t{1} << 32, (std::size_t{1} << 36) + 8,
          SIZE_MAX - 24, SIZE_MAX - 8, SIZE_MAX - 7, SIZE_MAX})
        EXPECT_EQ(arena.allocate(bytes), kNullRef) << bytes;
    expect_empty(arena);
}

TEST(Arena, GrantsAFreeBlockWhoseSizeIsInsideItsClass) {
    // 1000 units lie inside the class [992, 1008): a search that only trusts
    // higher classes would not see the one block that fits exactly.
    Memory memory(64 << 10);
    Arena arena = memory.format();
    const std::size_t bytes = 1000 * Arena::kUnit - Arena::kOverhead;
    const Ref hole = arena.allocate(bytes);
    fill(arena, 100);
    fill(arena, 0);
    arena.free(hole);
    EXPECT_EQ(arena.allocate(bytes + 1), kNullRef);
    EXPECT_EQ(arena.allocate(bytes), hole);
    EXPECT_TRUE(arena.check());
}

TEST(Arena, FreeingEverythingInRandomOrderLeavesOneFreeBlock) {
    Memory memory(4 << 20);
    Arena arena = memory.format();
    std::mt19937_64 random(1);
    for (int round = 0; round < 5; round++) {
        std::vector<Ref> refs;
        for (;;) {
            const Ref ref = arena.allocate(random() % 3000);
            if (ref == kNullRef) break;
            refs.push_back(ref);
        }
        const std::vector<Ref> rest = fill(arena, 0);
        refs.insert(refs.end(), rest.begin(), rest.end());
        EXPECT_EQ(arena.stats().allocated_bytes, arena.stats().capacity);
        EXPECT_EQ(arena.stats().largest_free, 0U);
        EXPECT_TRUE(arena.check());

        std::shuffle(refs.begin(), refs.end(), random);
        for (const Ref ref : refs) arena.free(ref);
        expect_empty(arena);
        const Ref all = arena.allocate(arena.max_allocation());
        ASSERT_NE(all, kNullRef);
        arena.free(all);
    }
}

TEST(Arena, FreeJoinsTheNeighboursThatAreFreeAndNoOthers) {
    for (const bool before : {false, true}) {
        for (const bool after : {false, true}) {
            SCOPED_TRACE(testing::Message() << "before " << before << ", after " << after);
            Memory memory(Arena::min_bytes() + 4096);
            Arena arena = memory.format();
            arena.allocate(40);
            const Ref left = arena.allocate(500);
            const Ref middle = arena.allocate(1000);
            const Ref right = arena.allocate(200);
            fill(arena, 0);  // so that nothing else is free

            std::size_t expected = Arena::gross_size(1000);
            if (before) {
                arena.free(left);
                expected += Arena::gross_size(500);
            }
            if (after) {
                arena.free(right);
                expected += Arena::gross_size(200);
            }
            arena.free(middle);
            EXPECT_TRUE(arena.check());
            EXPECT_EQ(arena.stats().largest_free, expected);
            EXPECT_EQ(arena.allocate(expected - Arena::kOverhead), before ? left : middle);
            EXPECT_EQ(arena.stats().allocated_bytes,
                      arena.stats().capacity);  // nothing free was left behind
        }
    }
}

TEST(Arena, FreeJoinsAtBothEndsOfTheBlock) {
    Memory memory(sizeof(ArenaHeader) + 8 * 1024 + Arena::kUnit);
    Arena arena = memory.format();
    const std::vector<Ref> refs = fill(arena, 1024 - Arena::kOverhead);
    ASSERT_EQ(refs.size(), 8U);
    ASSERT_EQ(arena.stats().largest_free, 0U);
    arena.free(refs[0]);
    arena.free(refs[1]);
    EXPECT_EQ(arena.stats().largest_free, 2048U);
    arena.free(refs[7]);
    arena.free(refs[6]);
    arena.free(refs[5]);
    EXPECT_EQ(arena.stats().largest_free, 3072U);
    EXPECT_TRUE(arena.check());
}

TEST(Arena, NextAllocationVisitsEveryLiveOneInOrder) {
    Memory memory(1 << 20);
    Arena arena = memory.format();
    std::vector<Ref> refs = fill(arena, 300);
    std::mt19937_64 random(2);
    std::vector<Ref> live;
    for (std::size_t i = 0; i < refs.size(); i++) {
        if (i != 0 && random() % 2 == 0)
            arena.free(refs[i]);
        else
            live.push_back(refs[i]);
    }
    std::vector<Ref> visited;
    for (Ref ref = refs[0]; ref != kNullRef; ref = arena.next_allocation(ref))
        visited.push_back(ref);
    EXPECT_EQ(visited, live);
}

TEST(Arena, RoomAroundIsWhatFreeingWouldJoin) {
    Memory memory(1 << 20);
    Arena arena = memory.format();
    const Ref a = arena.allocate(100), b = arena.allocate(200), c = arena.allocate(300);
    const Ref d = arena.allocate(400);
    const std::size_t ga = arena.gross_bytes(a), gb = arena.gross_bytes(b);
    const std::size_t gc = arena.gross_bytes(c);
    EXPECT_EQ(arena.room_around(b), gb);
    arena.free(a);
    EXPECT_EQ(arena.room_around(b), ga + gb);
    arena.free(c);
    EXPECT_EQ(arena.room_around(b), ga + gb + gc);
    EXPECT_EQ(arena.room_around(d), arena.stats().capacity - ga - gb);
    arena.free(b);
    EXPECT_EQ(arena.room_around(d), arena.stats().capacity);
}

TEST(Arena, AllocatesFromTheEndOfTheFreeMemoryBeforeAnAllocation) {
    Memory memory(1 << 20);
    Arena arena = memory.format();
    const Ref last = arena.allocate_before(kNullRef, 100);
    ASSERT_NE(last, kNullRef);
    EXPECT_EQ(arena.next_allocation(last), kNullRef) << "where the block ends";
    const Ref first = arena.allocate(100), hole = arena.allocate(500), next = arena.allocate(100);
    const Ref before = arena.allocate_before(last, 200);
    EXPECT_EQ(arena.next_allocation(before), last);
    EXPECT_EQ(arena.allocate_before(next, 1), kNullRef) << "nothing is free there";
    EXPECT_EQ(arena.allocate_before(kNullRef, 1), kNullRef);
    const std::size_t room = arena.gross_bytes(hole);
    arena.free(hole);
    EXPECT_EQ(arena.allocate_before(next, room), kNullRef) << "too small";
    EXPECT_EQ(arena.allocate_before(next, SIZE_MAX), kNullRef);
    const Ref exact = arena.allocate_before(next, room - Arena::kOverhead);
    EXPECT_EQ(exact, hole);
    EXPECT_TRUE(arena.check());
    for (const Ref ref : {first, exact, next, before, last}) arena.free(ref);
    expect_empty(arena);
}

TEST(Arena, GrossAccountingIsTheSumOverLiveAllocations) {
    Memory memory(4 << 20);
    Arena arena = memory.format();
    std::mt19937_64 random(3);
    std::vector<Ref> live;
    std::uint64_t expected = 0;
    for (int i = 0; i < 20000; i++) {
        const std::size_t bytes = random() % 4000;
        Ref ref;
        while ((ref = arena.allocate(bytes)) == kNullRef || random() % 3 == 0) {
            if (ref != kNullRef) {
                live.push_back(ref);
                expected += arena.gross_bytes(ref);
            }
            std::swap(live[random() % live.size()], live.back());
            expected -= arena.gross_bytes(live.back());
            arena.free(live.back());
            live.pop_back();
        }
        EXPECT_EQ(arena.gross_bytes(ref), Arena::gross_size(bytes));
        live.push_back(ref);
        expected += arena.gross_bytes(ref);
        ASSERT_EQ(arena.stats().allocated_bytes, expected);
        ASSERT_EQ(arena.stats().allocated_blocks, live.size());
    }
    std::uint64_t sum = 0;
    for (const Ref ref : live) sum += arena.gross_bytes(ref);
    EXPECT_EQ(arena.stats().allocated_bytes, sum);
}

// Every allocation is in a map by position, and its payload is full of its own
// pattern, which must be whole when it is freed.
class Model {
  public:
    explicit Model(Arena arena) : arena_(arena) {}

    void allocate(std::size_t bytes) {
        const bool before = serial_ % 4 == 0;  // somewhere, or else anywhere
        const auto next = live_.lower_bound(static_cast<Ref>(serial_ * 7919 % (1U << 18)));
        Ref ref = kNullRef;
        if (before) {
            const Ref place = next == live_.end() ? kNullRef : next->first;
            ref = arena_.allocate_before(place, bytes);
        }
        if (ref == kNullRef) ref = arena_.allocate(bytes);
        if (ref == kNullRef) {
            if (refused_++ % 64 == 0) {
                EXPECT_LT(largest_hole(), bytes + bytes / 32 + 64);
            }
            return;
        }
        const auto after = live_.lower_bound(ref);
        if (after != live_.end()) {
            EXPECT_LE(end_of(ref, bytes), begin_of(after->first));
        }
        if (after != live_.begin()) {
            const auto& [previous, value] = *std::prev(after);
            EXPECT_LE(end_of(previous, value.bytes), begin_of(ref));
        }
        EXPECT_GE(begin_of(ref), sizeof(ArenaHeader));
        const auto pattern = static_cast<unsigned char>(++serial_ % 251);
        std::memset(arena_.at(ref), pattern, bytes);
        live_.emplace(ref, Value{bytes, pattern});
    }

    void free_one(std::uint64_t random) {
        if (live_.empty()) return;
        auto victim = live_.lower_bound(static_cast<Ref>(random % (live_.rbegin()->first + 1)));
        const auto [ref, value] = *victim;
        EXPECT_TRUE(intact(ref, value)) << "payload of " << ref << " overwritten";
        arena_.free(ref);
        live_.erase(victim);
    }

    bool matches() const {
        const ArenaStats stats = arena_.stats();
        return arena_.check() && stats.allocated_blocks == live_.size();
    }
    std::size_t size() const { return live_.size(); }
    std::uint64_t refused() const { return refused_; }

  private:
    struct Value {
        std::size_t bytes;
        unsigned char pattern;
    };

    static std::size_t begin_of(Ref ref) { return std::size_t{ref} * Arena::kUnit; }
    static std::size_t end_of(Ref ref, std::size_t bytes) {
        return begin_of(ref) + Arena::kOverhead + bytes;
    }
    bool intact(Ref ref, const Value& value) const {
        const auto* bytes = arena_.at<unsigned char>(ref);
        return value.bytes == 0 ||
               (bytes[0] == value.pattern && std::memcmp(bytes, bytes + 1, value.bytes - 1) == 0);
    }
    std::size_t largest_hole() const {
        std::size_t largest = 0;
        std::size_t from = sizeof(ArenaHeader);
        for (const auto& [ref, value] : live_) {
            largest = std::max(largest, begin_of(ref) - from);
            from = begin_of(ref) + Arena::gross_size(value.bytes);
        }
        return std::max(largest, sizeof(ArenaHeader) + arena_.stats().capacity - from);
    }

    Arena arena_;
    std::map<Ref, Value> live_;
    std::uint64_t serial_ = 0;
    std::uint64_t refused_ = 0;
};

TEST(Arena, AMillionRandomOperationsNeverOverlapAndMatchAModel) {
    Memory memory(4 << 20);
    Arena arena = memory.format();
    Model model(arena);
    std::mt19937_64 random(4);
    std::uniform_real_distribution<double> uniform;
    for (int i = 0; i < 1'200'000; i++) {
        // Waves: filling up to exhaustion, then down to nearly nothing.
        const bool growing = i / 50'000 % 2 == 0;
        if (random() % 100 < (growing ? 60U : 45U)) {
            const double skew = uniform(random) * uniform(random);
            model.allocate(static_cast<std::size_t>(16 * std::pow(20000.0 / 16, skew)));
        } else {
            model.free_one(random());
        }
        if (i % 4096 == 0) {
            ASSERT_TRUE(model.matches()) << "operation " << i;
        }
        if (HasFailure()) FAIL() << "operation " << i;
    }
    EXPECT_GT(model.refused(), 10'000U) << "the arena was never full";
    while (model.size() > 0) model.free_one(random());
    expect_empty(arena);
}

// A cache as the arena sees it: puts, and evictions until the put fits.
class Churn {
  public:
    explicit Churn(Arena arena) : arena_(arena) {}

    struct Result {
        double mean = 0;     // live payload / capacity after a put, over the second half
        double at_full = 0;  // the same whenever a put did not fit at once
        double lowest = 1;
        std::uint64_t most_evicted = 0;  // by a single put
    };

    // `random_victims`: how many victims of one put are chosen at random. After
    // that, evict along the block.
    Result run(int puts, double median, std::uint64_t random_victims) {
        Result result;
        ValueSizes sizes(median);
        int full = 0;
        for (int i = 0; i < puts; i++) {
            const bool measured = i >= puts / 2;
            const std::size_t bytes = sizes(random_);
            std::uint64_t evicted = 0;
            Ref next = kNullRef;
            Ref ref;
            while ((ref = arena_.allocate(bytes)) == kNullRef) {
                if (measured && evicted == 0) {
                    result.at_full += utilisation();
                    full++;
                }
                if (next == kNullRef) next = live_[random_() % live_.size()];
                const Ref victim = next;
                next = ++evicted < random_victims ? kNullRef : arena_.next_allocation(victim);
                evict(victim);
            }
            put(ref, bytes);
            result.most_evicted = std::max(result.most_evicted, evicted);
            if (!measured) continue;
            result.mean += utilisation();
            result.lowest = std::min(result.lowest, utilisation());
        }
        result.mean /= puts - puts / 2;
        result.at_full /= std::max(full, 1);
        return result;
    }

  private:
    // The payload begins with its size and its place in live_.
    struct Value {
        std::uint32_t bytes;
        std::uint32_t place;
    };

    double utilisation() const {
        return static_cast<double>(payload_) / static_cast<double>(arena_.stats().capacity);
    }
    void put(Ref ref, std::size_t bytes) {
        *arena_.at<Value>(ref) = {static_cast<std::uint32_t>(bytes),
                                  static_cast<std::uint32_t>(live_.size())};
        live_.push_back(ref);
        payload_ += bytes;
    }
    void evict(Ref ref) {
        const Value value = *arena_.at<Value>(ref);
        payload_ -= value.bytes;
        live_[value.place] = live_.back();
        arena_.at<Value>(live_.back())->place = value.place;
        live_.pop_back();
        arena_.free(ref);
    }

    Arena arena_;
    std::mt19937_64 random_{5};
    std::vector<Ref> live_;
    std::uint64_t payload_ = 0;
};

void print(const char* what, const Churn::Result& result) {
    std::printf(
        "  %s: live payload %.1f %% (mean), %.1f %% (at a full put), %.1f %% (lowest); "
        "at most %llu evictions for a put\n",
        what, 100 * result.mean, 100 * result.at_full, 100 * result.lowest,
        static_cast<unsigned long long>(result.most_evicted));
}

TEST(ArenaUtilisation, RandomEvictionKeeps90PercentAlsoAfterTheSizesGrow) {
    Memory memory(64 << 20);
    Arena arena = memory.format();
    Churn churn(arena);
    for (const double median : {1500.0, 6000.0}) {
        const Churn::Result result = churn.run(2'000'000, median, UINT64_MAX);
        print(median < 2000 ? "random, median 1.5 KB" : "random, median 6 KB  ", result);
        EXPECT_GE(result.mean, 0.90) << "median " << median;
        EXPECT_GE(result.at_full, 0.90) << "median " << median;
        EXPECT_TRUE(arena.check());
    }
}

TEST(ArenaUtilisation, EvictingAlongTheBlockBoundsTheVictimsOfAPut) {
    Memory memory(4 << 20);
    Arena arena = memory.format();
    Churn churn(arena);
    for (const double median : {1500.0, 6000.0}) {
        const Churn::Result result = churn.run(500'000, median, 4);
        print(median < 2000 ? "along, median 1.5 KB" : "along, median 6 KB  ", result);
        EXPECT_LE(result.most_evicted, 60U) << "median " << median;
        EXPECT_GE(result.lowest, 0.85) << "median " << median;
        EXPECT_TRUE(arena.check());
    }
}

TEST(Arena, CheckerboardOfHolesRefusesALargerRequestAndRecovers) {
    Memory memory(4 << 20);
    Arena arena = memory.format();
    // Alternating sizes without a gap, then every second one freed: more than
    // half of the block is free, in holes of one size.
    std::vector<Ref> small;
    std::vector<Ref> large;
    for (;;) {
        const Ref a = arena.allocate(600);
        const Ref b = arena.allocate(1200);
        if (a != kNullRef) small.push_back(a);
        if (b != kNullRef) large.push_back(b);
        if (a == kNullRef) break;
    }
    const std::vector<Ref> rest = fill(arena, 0);
    for (const Ref ref : large) arena.free(ref);
    const ArenaStats holes = arena.stats();
    EXPECT_GT(holes.capacity - holes.allocated_bytes, holes.capacity / 2);
    EXPECT_EQ(holes.largest_free, Arena::gross_size(1200));

    EXPECT_EQ(arena.allocate(Arena::gross_size(1200) - Arena::kOverhead + 1), kNullRef);
    EXPECT_EQ(arena.stats().allocated_bytes, holes.allocated_bytes);
    EXPECT_TRUE(arena.check());
    EXPECT_EQ(fill(arena, 1200).size(), large.size()) << "the holes themselves can be used";
    for (Ref ref = small[0]; ref != kNullRef;) {
        const Ref next = arena.next_allocation(ref);
        arena.free(ref);
        ref = next;
    }
    expect_empty(arena);
    EXPECT_NE(arena.allocate(arena.max_allocation()), kNullRef);
}

TEST(Arena, WorksThroughTwoMappingsAtDifferentAddresses) {
    constexpr std::size_t kBytes = 1 << 20;
    const int fd = memfd_create("arena_test", 0);
    ASSERT_GE(fd, 0);
    ASSERT_EQ(ftruncate(fd, kBytes), 0);
    void* one = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    void* two = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    ASSERT_NE(one, MAP_FAILED);
    ASSERT_NE(two, MAP_FAILED);
    ASSERT_NE(one, two);

    ASSERT_TRUE(Arena::format(one, kBytes));
    Arena here(one);
    Arena there(two);
    std::mt19937_64 random(6);
    std::vector<Ref> refs;
    for (int i = 0; i < 2000; i++) {
        Arena& writer = i % 2 == 0 ? here : there;
        Arena& reader = i % 2 == 0 ? there : here;
        const Ref ref = writer.allocate(8 + random() % 1000);
        if (ref != kNullRef) {
            *writer.at<std::uint64_t>(ref) = ref * 7919ULL;
            EXPECT_NE(writer.at(ref), reader.at(ref));
            EXPECT_EQ(*reader.at<std::uint64_t>(ref), ref * 7919ULL);
            EXPECT_EQ(reader.ref_of(reader.at(ref)), ref);
            EXPECT_EQ(reader.gross_bytes(ref), writer.gross_bytes(ref));
            refs.push_back(ref);
        }
        if (ref == kNullRef || random() % 4 == 0) {
            std::swap(refs[random() % refs.size()], refs.back());
            EXPECT_EQ(*reader.at<std::uint64_t>(refs.back()), refs.back() * 7919ULL);
            reader.free(refs.back());
            refs.pop_back();
        }
    }
    EXPECT_TRUE(here.check());
    EXPECT_TRUE(there.check());
    for (const Ref ref : refs) there.free(ref);
    expect_empty(here);
    munmap(one, kBytes);
    munmap(two, kBytes);
    close(fd);
}

TEST(ArenaCheck, NoticesAnOverrunPayload) {
    Memory memory(64 << 10);
    Arena arena = memory.format();
    const Ref ref = arena.allocate(100);
    arena.allocate(100);
    ASSERT_TRUE(arena.check());
    std::memset(arena.at(ref), 0xFF, arena.gross_bytes(ref));  // 8 bytes too many
    EXPECT_FALSE(arena.check());
}

TEST(ArenaCheck, NoticesAWriteAfterFree) {
    Memory memory(64 << 10);
    Arena arena = memory.format();
    const Ref first = arena.allocate(100);
    arena.allocate(100);
    arena.free(first);
    ASSERT_TRUE(arena.check());
    std::memset(arena.at(first), 0xFF, 100);
    EXPECT_FALSE(arena.check());
}

#ifndef NDEBUG
TEST(ArenaDeathTest, FreeAssertsThatTheRefIsInRange) {
    Memory memory(64 << 10);
    Arena arena = memory.format();
    EXPECT_DEATH(arena.free(kNullRef), "is_live");
    EXPECT_DEATH(arena.free(sizeof(ArenaHeader) / Arena::kUnit - 1), "is_live");
    EXPECT_DEATH(arena.free((64 << 10) / Arena::kUnit - 1), "is_live");
    EXPECT_DEATH(arena.free(UINT32_MAX), "is_live");
}

TEST(ArenaDeathTest, FreeAssertsThatTheRefIsLiveWhateverItsNeighbours) {
    for (const bool before : {false, true}) {
        for (const bool after : {false, true}) {
            Memory memory(64 << 10);
            Arena arena = memory.format();
            arena.allocate(40);
            const Ref left = arena.allocate(500);
            const Ref middle = arena.allocate(1000);
            const Ref right = arena.allocate(200);
            arena.allocate(40);
            if (before) arena.free(left);
            if (after) arena.free(right);
            arena.free(middle);
            EXPECT_DEATH(arena.free(middle), "is_live");
            if (before) {
                EXPECT_DEATH(arena.free(left), "is_live");
            }
            if (after) {
                EXPECT_DEATH(arena.free(right), "is_live");
            }
        }
    }
}

TEST(ArenaDeathTest, RefOfAssertsThatTheAddressIsAPayloads) {
    Memory memory(64 << 10);
    Arena arena = memory.format();
    const Ref ref = arena.allocate(100);
    EXPECT_DEATH(arena.ref_of(arena.at<std::byte>(ref) + 4), "Assertion");
    EXPECT_DEATH(arena.ref_of(memory.data() + 8), "Assertion");
}

TEST(ArenaDeathTest, AttachAssertsThatTheBlockWasFormatted) {
    Memory memory(64 << 10);
    EXPECT_DEATH(Arena{memory.data()}, "kMagic");
}
#endif

}  // namespace
}  // namespace cache_ext::core
