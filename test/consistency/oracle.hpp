// What must hold: every comparison shows loader, cache, loader, and where the two loaders agree the
// cache does; and a version whose commit was acknowledged is never followed by an older one.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"
#include "schema.hpp"

namespace consistency {

using Floors = std::array<std::int64_t, kKeys>;

struct Wrong {
    std::string cache;
    int key;
    std::string what;
    // It differs in what DDL decides: the functions that made the value, or anything in a cache
    // whose values are decided by catalogs.
    bool by_definition;
};

class Oracle {
  public:
    // The versions that every snapshot taken from now on must show.
    Floors floors() const;
    // The commit that wrote this version has been acknowledged.
    void acknowledged(int key, std::int64_t version);

    // floors: as they were before the snapshot was taken; nullptr: unknown.
    std::optional<Wrong> check(const Reply& reply, const Floors* floors);

    // It was wrong only while DDL was being committed.
    void settled() { ++settled_; }

    std::uint64_t comparisons() const { return comparisons_; }
    // Comparisons that do not count, since the database itself was between two states.
    std::uint64_t moved() const { return moved_; }
    std::uint64_t settlings() const { return settled_; }

  private:
    std::array<std::atomic<std::int64_t>, kKeys> floors_ = {};
    std::atomic<std::uint64_t> comparisons_ = 0;
    std::atomic<std::uint64_t> moved_ = 0;
    std::atomic<std::uint64_t> settled_ = 0;
};

}  // namespace consistency
