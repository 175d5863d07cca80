// Transactions and snapshots without a server.
#pragma once

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "core/snapshot.hpp"
#include "core/writers.hpp"

namespace cache_ext::core::test {

// A snapshot together with the array it points to.
class HeldSnapshot {
  public:
    HeldSnapshot() = default;
    HeldSnapshot(Xid xmin, Xid xmax, const std::vector<Xid>& running) : xmin_(xmin), xmax_(xmax) {
        for (const Xid xid : running) running_.push_back(static_cast<std::uint32_t>(xid));
    }
    // NOLINTNEXTLINE(google-explicit-constructor): stands in for a Snapshot wherever one is asked
    operator Snapshot() const {
        return {xmin_, xmax_, running_.data(), static_cast<std::uint32_t>(running_.size())};
    }
    bool in_progress(Xid xid) const { return Snapshot(*this).in_progress(xid); }
    Xid xmin() const { return xmin_; }

  private:
    Xid xmin_ = 0;
    Xid xmax_ = 0;
    std::vector<std::uint32_t> running_;
};

// What a server knows of its transactions.
class Transactions {
  public:
    explicit Transactions(Xid first = 3) : next_(first) {}

    Xid begin() {
        running_.insert(next_);
        return next_++;
    }
    // Whether it commits or aborts makes no difference to who is in progress.
    void end(Xid xid) {
        running_.erase(xid);
        latest_ended_ = std::max(latest_ended_, xid);
    }
    bool runs(Xid xid) const { return running_.count(xid) != 0; }
    Xid next() const { return next_; }
    Xid oldest_running() const { return running_.empty() ? next_ : *running_.begin(); }

    HeldSnapshot snapshot() const {
        const Xid xmax = std::max(latest_ended_ + 1, first_unseen());
        std::vector<Xid> seen;
        for (const Xid xid : running_) {
            if (xid < xmax) seen.push_back(xid);
        }
        return {std::min(oldest_running(), xmax), xmax, seen};
    }

  private:
    // Of a server that has just started, nobody has ended.
    Xid first_unseen() const { return latest_ended_ == 0 ? oldest_running() : 0; }

    std::set<Xid> running_;
    Xid next_;
    Xid latest_ended_ = 0;
};

// What a registrant finds out about the XIDs on record, for as long as this lives.
class Knowledge {
  public:
    Knowledge(const Transactions& transactions, const Xid* on_record, std::uint32_t count) {
        for (std::uint32_t i = 0; i < count; ++i) {
            if (!transactions.runs(on_record[i])) xids_.push_back(on_record[i]);
        }
        oldest_running_ = transactions.oldest_running();
    }
    Knowledge(std::vector<Xid> ended, Xid oldest_running)
        : xids_(std::move(ended)), oldest_running_(oldest_running) {}
    // NOLINTNEXTLINE(google-explicit-constructor)
    operator Ended() const {
        return {xids_.data(), static_cast<std::uint32_t>(xids_.size()), oldest_running_};
    }

  private:
    std::vector<Xid> xids_;
    Xid oldest_running_ = 0;
};

inline Unseen unseen_of(const std::vector<Xid>& xids) {
    Unseen unseen;
    for (const Xid xid : xids) unseen.add(xid);
    return unseen;
}

}  // namespace cache_ext::core::test
