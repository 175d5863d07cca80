// How long to wait after failures.
#include "core/backoff.hpp"

#include <gtest/gtest.h>

namespace cache_ext::core::test {
namespace {

constexpr double kMiddle = 0.5;

TEST(Backoff, TwiceAsLongEachTimeUpToTheCap) {
    constexpr Backoff b = {1000, 10000};
    EXPECT_EQ(b.delay(0, kMiddle), 0);
    EXPECT_EQ(b.delay(1, kMiddle), 1000);
    EXPECT_EQ(b.delay(2, kMiddle), 2000);
    EXPECT_EQ(b.delay(4, kMiddle), 8000);
    EXPECT_EQ(b.delay(5, kMiddle), 10000);
    EXPECT_EQ(b.delay(6, kMiddle), 10000);
    EXPECT_EQ(b.delay(UINT32_MAX, kMiddle), 10000) << "without overflow";
}

TEST(Backoff, AQuarterEitherWay) {
    constexpr Backoff b = {1000, 10000};
    EXPECT_EQ(b.delay(1, 0), 750);
    EXPECT_LT(b.delay(1, 0.999999), 1250);
    EXPECT_GE(b.delay(1, 0.999999), 1249);
}

TEST(Backoff, TheFirstFewMayBeFree) {
    constexpr Backoff b = {1000, 10000, 3};
    EXPECT_EQ(b.delay(3, kMiddle), 0);
    EXPECT_EQ(b.delay(4, kMiddle), 1000);
    EXPECT_EQ(b.delay(5, kMiddle), 2000);
}

}  // namespace
}  // namespace cache_ext::core::test
