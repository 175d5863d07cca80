// What all sessions did, with times: the last operations are kept for the report.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <ostream>
#include <string>

#include "kinds.hpp"

namespace consistency {

struct Operation {
    std::uint64_t id;
    int session;
    double started;   // seconds since the run began
    double finished;  // negative: not yet
    bool read;        // only a comparison
    std::string statement;
    std::string result;
};

class History {
  public:
    History() : began_(std::chrono::steady_clock::now()) {}

    std::uint64_t start(int session, bool read, const std::string& statement);
    void finish(std::uint64_t id, const std::string& result);

    // The last `writes` operations that may have changed something, with the reads that ran at the
    // same time or after them, at most `reads` of those.
    void print(std::ostream& out, std::size_t writes, std::size_t reads);

    double now() const;

  private:
    std::chrono::steady_clock::time_point began_;
    std::mutex mutex_;
    std::uint64_t next_id_ = 0;
    std::deque<Operation> changes_;
    std::deque<Operation> reads_;
};

}  // namespace consistency
