// Pieces in pages: none overlap, sparse pages run empty, and memory comes back.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "core/slabs.hpp"

namespace cache_ext::core::test {
namespace {

constexpr std::size_t kBytes = 256 << 10;
constexpr std::size_t kPiece = 80;
constexpr std::size_t kPage = 1024;

class Slabs : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(Arena::format(block_.get(), kBytes));
        arena_ = Arena(block_.get());
        pool_.init(kPiece, kPage);
    }
    void TearDown() override {
        EXPECT_TRUE(pool_.check(arena_));
        EXPECT_TRUE(arena_.check());
    }

    bool add_page() {
        const Ref page = arena_.allocate(pool_.page_bytes());
        if (page == kNullRef) return false;
        pool_.add_page(arena_, page);
        ++pages_;
        return true;
    }
    // False: the arena is full.
    bool take() {
        Piece piece = pool_.take(arena_);
        if (piece.ref == kNullRef) {
            if (!add_page()) return false;
            piece = pool_.take(arena_);
        }
        std::memset(arena_.at(piece.ref), 0xEE, kPiece);
        taken_.push_back(piece);
        return true;
    }
    void give(std::size_t i) {
        const Ref page = pool_.give(arena_, taken_[i]);
        taken_[i] = taken_.back();
        taken_.pop_back();
        if (page == kNullRef) return;
        arena_.free(page);
        --pages_;
    }

    std::unique_ptr<void, void (*)(void*)> block_{std::aligned_alloc(64, kBytes), std::free};
    Arena arena_;
    SlabPool pool_;
    std::vector<Piece> taken_;
    std::uint32_t pages_ = 0;
};

TEST_F(Slabs, APageIsNoLargerThanAskedAndMostOfItIsPieces) {
    EXPECT_LE(Arena::gross_size(pool_.page_bytes()), kPage);
    EXPECT_GE(pool_.page_pieces * kPiece, kPage * 4 / 5);
    SlabPool coarse;
    coarse.init(5000, kPage);
    EXPECT_EQ(coarse.page_pieces, 1U) << "one at least";
}

TEST_F(Slabs, WithoutAPageThereIsNoPiece) {
    EXPECT_EQ(pool_.take(arena_).ref, kNullRef);
}

TEST_F(Slabs, PiecesLieApartInsideTheirPages) {
    while (take()) {
    }
    EXPECT_EQ(taken_.size(), pages_ * pool_.page_pieces)
        << "the block is full, and so is each page";
    EXPECT_EQ(pool_.piece_count, taken_.size());
    EXPECT_TRUE(arena_.check()) << "written beyond a page";
    std::vector<Ref> refs;
    for (const Piece& p : taken_) refs.push_back(p.ref);
    std::sort(refs.begin(), refs.end());
    for (std::size_t i = 1; i < refs.size(); ++i) {
        EXPECT_GE((refs[i] - refs[i - 1]) * Arena::kUnit, kPiece);
    }
}

TEST_F(Slabs, AnEmptyPageIsGivenBackButForOne) {
    while (pages_ < 3 || taken_.size() % pool_.page_pieces != 0) ASSERT_TRUE(take());
    while (!taken_.empty()) give(0);
    EXPECT_EQ(pages_, 1U);
    ASSERT_TRUE(take()) << "from the one that was kept";
    EXPECT_EQ(pages_, 1U);
    give(0);
    const Ref spare = pool_.take_spare();
    ASSERT_NE(spare, kNullRef);
    arena_.free(spare);
    EXPECT_EQ(pool_.take_spare(), kNullRef);
    EXPECT_EQ(arena_.stats().allocated_bytes, 0U);
}

TEST_F(Slabs, OnePieceThatComesAndGoesNeedsOnePage) {
    for (int i = 0; i < 100; ++i) {
        ASSERT_TRUE(take());
        give(0);
    }
    EXPECT_EQ(pages_, 1U);
}

// A tenth of many pages is in use. Whatever is turned over then gathers in few.
TEST_F(Slabs, SparsePagesRunEmpty) {
    std::mt19937_64 random(3);
    while (take()) {
    }
    const std::size_t all = taken_.size();
    while (taken_.size() > all / 10) give(random() % taken_.size());
    const std::uint32_t before = pages_;
    for (std::size_t i = 0; i < 20 * all; ++i) {
        give(random() % taken_.size());
        ASSERT_TRUE(take());
    }
    EXPECT_GT(before, 100U);
    EXPECT_LE(pages_, taken_.size() / pool_.page_pieces + 8);
}

TEST_F(Slabs, AtRandomNothingIsLost) {
    std::mt19937_64 random(4);
    for (int round = 0; round < 20; ++round) {
        const std::uint64_t takes = random() % 100;
        for (int i = 0; i < 500; ++i) {
            if (random() % 100 < takes) {
                take();
            } else if (!taken_.empty()) {
                give(random() % taken_.size());
            }
        }
        ASSERT_TRUE(pool_.check(arena_));
        ASSERT_TRUE(arena_.check());
        ASSERT_EQ(pool_.piece_count, taken_.size());
        ASSERT_EQ(pool_.page_count, pages_);
        std::set<Ref> refs;
        for (const Piece& p : taken_) refs.insert(p.ref);
        ASSERT_EQ(refs.size(), taken_.size());
    }
}

TEST_F(Slabs, CheckNoticesAPieceThatIsGivenBackTwice) {
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(take());
    pool_.give(arena_, taken_[1]);
    EXPECT_TRUE(pool_.check(arena_));
    SlabPool before = pool_;
    pool_.give(arena_, taken_[1]);
    EXPECT_FALSE(pool_.check(arena_));
    pool_ = before;
    pool_.init(kPiece, kPage);
}

}  // namespace
}  // namespace cache_ext::core::test
