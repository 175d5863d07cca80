// Strict LRU, bounded by entries or by bytes: what the store's eviction is compared with.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>

namespace cache_ext::core::test {

class Lru {
  public:
    Lru(std::uint64_t max_entries, std::uint64_t max_bytes)
        : max_entries_(max_entries), max_bytes_(max_bytes) {}

    // True: it was there. Otherwise it is now.
    bool request(std::uint64_t key, std::uint64_t bytes) {
        const auto known = where_.find(key);
        if (known != where_.end()) {
            order_.splice(order_.begin(), order_, known->second);
            return true;
        }
        order_.push_front({key, bytes});
        where_[key] = order_.begin();
        used_ += bytes;
        while ((max_entries_ != 0 && order_.size() > max_entries_) ||
               (max_bytes_ != 0 && used_ > max_bytes_)) {
            used_ -= order_.back().bytes;
            where_.erase(order_.back().key);
            order_.pop_back();
        }
        return false;
    }

  private:
    struct Item {
        std::uint64_t key, bytes;
    };
    std::uint64_t max_entries_, max_bytes_, used_ = 0;
    std::list<Item> order_;  // newest first
    std::unordered_map<std::uint64_t, std::list<Item>::iterator> where_;
};

}  // namespace cache_ext::core::test
