#include "shrink.hpp"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>

namespace consistency {
namespace {

class Shrinker {
  public:
    Shrinker(const Config& config, const Verdict& failed, double seconds)
        : best_(config),
          title_(failed.failure->title),
          // Long enough for a fault that is seen this often.
          limit_(std::clamp(3 * failed.seconds, 3.0, 20.0)),
          end_(std::chrono::steady_clock::now() +
               std::chrono::milliseconds(static_cast<int>(seconds * 1000))) {}

    void work(const std::string& cache) {
        std::cout << "\nLooking for less that still fails...\n";
        only_cache(cache);
        for (const int sessions : {2, 3, 4, 6}) {
            if (sessions >= best_.sessions) break;
            Config smaller = best_;
            smaller.sessions = sessions;
            if (fails(smaller)) break;
        }
        for (std::size_t share = 2; share <= best_.kinds.size() * 2; share *= 2) leave_out(share);
        std::cout << "Fails with --only " << describe(best_.kinds) << ',' << describe(best_.groups)
                  << " --sessions " << best_.sessions << " --seed " << best_.seed << "\n"
                  << details_ << "\n";
    }

  private:
    bool time_left() const { return std::chrono::steady_clock::now() < end_; }

    bool fails(Config config) {
        if (!time_left()) return false;
        config.seconds = limit_;
        config.verbose = false;
        const Verdict verdict = run(config, true);
        const bool failed = verdict.failure && verdict.failure->title == title_;
        if (failed) {
            best_ = config;
            details_ = verdict.failure->details;
        }
        std::cout << "  " << (failed ? "fails" : "holds") << ": " << describe(config.kinds) << "; "
                  << describe(config.groups) << "; " << config.sessions << " sessions, "
                  << std::fixed << std::setprecision(1) << verdict.seconds << " s" << std::endl;
        return failed;
    }

    void only_cache(const std::string& cache) {
        Config smaller = best_;
        smaller.groups.reset();
        for (std::size_t i = 0; i < smaller.groups.size(); ++i) {
            if (cache == kGroupNames[i]) smaller.groups.set(i);
        }
        if (smaller.groups.any()) fails(smaller);
    }

    // Leaves out each of `share` parts of the kinds, one after the other.
    void leave_out(std::size_t share) {
        std::vector<std::size_t> left;
        for (std::size_t i = 0; i < best_.kinds.size(); ++i) {
            if (best_.kinds[i]) left.push_back(i);
        }
        const std::size_t size = std::max<std::size_t>(1, left.size() / share);
        for (std::size_t first = 0; first < left.size() && time_left(); first += size) {
            Config smaller = best_;
            for (std::size_t i = first; i < std::min(first + size, left.size()); ++i) {
                smaller.kinds.reset(left[i]);
            }
            if (smaller.kinds.any() && smaller.kinds != best_.kinds) fails(smaller);
        }
    }

    Config best_;
    std::string title_;
    double limit_;
    std::chrono::steady_clock::time_point end_;
    std::string details_;
};

}  // namespace

void shrink(const Config& config, const Verdict& failed, double seconds) {
    Shrinker(config, failed, seconds).work(failed.failure->cache);
}

}  // namespace consistency
