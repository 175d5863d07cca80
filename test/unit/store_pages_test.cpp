// The pages of nodes, and what happens to them while somebody is about to add one more.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "support/store.hpp"

namespace cache_ext::core::test {
namespace {

const HeldSnapshot kAll = snapshot(Xid{1} << 40);

std::function<void()> meanwhile;
int arena_locks_until = 0;

// Runs `meanwhile` once, before the arena's lock is taken for the nth time.
LockTable interrupted_locks() {
    LockTable table = TestLocks::table();
    table.exclusive = [](LockId id) {
        if (id == kArenaLock && arena_locks_until > 0 && --arena_locks_until == 0) meanwhile();
        TestLocks::table().exclusive(id);
    };
    return table;
}

class StorePages : public testing::Test {
  protected:
    static Tag tag(int i) { return mix(9000 + static_cast<std::uint64_t>(i)); }
    static std::string key(int i) { return "k" + std::to_string(i); }
    static void put(const TestCache& cache, int i) {
        ASSERT_EQ(cache.put(key(i), std::string(100, 'v'), kAll, {.tags = {{tag(i)}}}),
                  PublishResult::kPublished);
    }
    // Entries without tags, until some must go.
    void fill_up() {
        const std::uint64_t before = others.control().counters.totals()[Counter::kEvictions];
        while (others.control().counters.totals()[Counter::kEvictions] < before + 50) {
            ASSERT_EQ(others.put("o" + std::to_string(next_++), std::string(100, 'o'), kAll),
                      PublishResult::kPublished);
        }
    }
    const StoreHeader& header() { return *reinterpret_cast<const StoreHeader*>(store.block()); }
    // Is this a live allocation that is called a page? The first one must be live.
    bool is_page(Ref page) {
        std::byte* block = store.block() + header().arena;
        const Arena arena(block);
        Ref ref = reinterpret_cast<const ArenaHeader*>(block)->first;
        while (ref != kNullRef && ref != page) ref = arena.next_allocation(ref);
        return ref != kNullRef && *arena.at<Label>(ref) == kPageLabel;
    }

    TestStore store{Store::min_bytes({8})};
    TestCache cache{*store, 1}, neighbours{*store, 2}, others{*store, 3}, idle{*store, 4};
    Store slow{store.block(), interrupted_locks(), FakeClock::clock()};
    TestCache slow_cache{slow, 1};

  private:
    int next_ = 0;
};

// Whoever gives the lowest page back looks for the next one, and may find one that has been
// allocated and not been added yet. If it is not needed after all, it must not stay the lowest.
TEST_F(StorePages, OneThatIsNotNeededAfterAllIsNotTheLowest) {
    ASSERT_EQ(cache.put("first", "v", kAll), PublishResult::kPublished);
    const int n = static_cast<int>(header().nodes.page_pieces);
    // From the end of the block: one page that stays, one that goes, two of another cache.
    for (int i = 0; i < 2 * n; ++i) put(cache, i);
    const Ref gap = header().lowest_page;
    for (int i = 2 * n; i < 4 * n; ++i) put(neighbours, i);
    ASSERT_EQ(store->stats().pages, 4U);
    ASSERT_LT(header().lowest_page, gap);
    fill_up();
    for (int i = n; i < 2 * n; ++i) ASSERT_TRUE(store->remove(cache.index(), cache.view(key(i))));
    store->release(idle.index(), idle.id());  // so the page goes back at once
    ASSERT_EQ(store->stats().pages, 3U);

    arena_locks_until = 3;  // no piece; a page, which comes to lie in the gap; and its first piece
    meanwhile = [&] {
        store->release(neighbours.index(), neighbours.id());
        ASSERT_TRUE(store->remove(cache.index(), cache.view(key(0))));
        EXPECT_EQ(header().lowest_page, gap);
    };
    put(slow_cache, 5 * n);
    ASSERT_EQ(arena_locks_until, 0) << "nobody stepped in";
    EXPECT_TRUE(header().lowest_page == kNullRef || is_page(header().lowest_page));
    ASSERT_TRUE(settled_check(*store));

    // Others use that memory meanwhile; then the next page is wanted.
    fill_up();
    for (int i = 6 * n; i < 9 * n; ++i) put(cache, i);
    EXPECT_TRUE(settled_check(*store));
    fill_up();
    EXPECT_TRUE(settled_check(*store));
}

// An entry's label is its hash: one that would be taken for something else is not published.
TEST_F(StorePages, AnEntryIsNeverCalledLikeAPage) {
    for (const Label label : {kGhostLabel, kPageLabel}) {
        EXPECT_FALSE(is_entry(label));
        KeyView key = cache.view("x");
        key.hash = label;
        Fill fill;
        fill.cache = cache.index();
        fill.cache_id = cache.id();
        fill.key = key;
        EXPECT_EQ(store->publish(fill, kAll), PublishResult::kNoMemory);
    }
    EXPECT_EQ(cache.put("x", "v", kAll, {.hash = kPageLabel + 1}), PublishResult::kPublished);
}

}  // namespace
}  // namespace cache_ext::core::test
