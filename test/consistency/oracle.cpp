#include "oracle.hpp"

namespace consistency {
namespace {

bool of_catalogs(const std::string& cache) {
    for (std::size_t i = static_cast<std::size_t>(Group::kOper); i < std::size(kGroupNames); ++i) {
        if (cache == kGroupNames[i]) return true;
    }
    return false;
}

std::string shown(const Field& field) {
    return field ? "\"" + *field + "\"" : "NULL";
}

}  // namespace

Floors Oracle::floors() const {
    Floors copy;
    for (std::size_t i = 0; i < copy.size(); ++i) copy[i] = floors_[i];
    return copy;
}

void Oracle::acknowledged(int key, std::int64_t version) {
    std::atomic<std::int64_t>& floor = floors_[static_cast<std::size_t>(key)];
    std::int64_t known = floor;
    while (known < version && !floor.compare_exchange_weak(known, version)) {
    }
}

std::optional<Wrong> Oracle::check(const Reply& reply, const Floors* floors) {
    for (const auto& row : reply.rows) {
        if (row.size() != 5 || !row[0] || !row[1]) continue;  // of another statement in the string
        const Field &before = row[2], &cached = row[3], &after = row[4];
        const Wrong wrong = {
            *row[0], std::stoi(*row[1]),
            "loader " + shown(before) + ", cache " + shown(cached) + ", loader " + shown(after),
            of_catalogs(*row[0]) || meanings(before.value_or("")) != meanings(cached.value_or(""))};
        if (before != after) {
            ++moved_;
            continue;
        }
        ++comparisons_;
        // What was never put is not there.
        if (wrong.cache == name_of(Group::kNote) && !cached) continue;
        if (cached != before) return wrong;
        if (wrong.cache != name_of(Group::kVersion) || floors == nullptr) continue;
        const std::int64_t floor = (*floors)[static_cast<std::size_t>(wrong.key)];
        if (!cached || std::stoll(*cached) < floor) {
            return Wrong{
                wrong.cache, wrong.key,
                wrong.what + ", but " + std::to_string(floor) + " was acknowledged as committed",
                false};
        }
    }
    return {};
}

}  // namespace consistency
