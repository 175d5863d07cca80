// Random choices, all from one seed.
#pragma once

#include <initializer_list>
#include <random>
#include <string>
#include <vector>

namespace fuzz {

class Random {
  public:
    explicit Random(unsigned long long seed) : engine_(seed) {}

    // Between 0 and n - 1.
    int below(int n) { return static_cast<int>(engine_() % static_cast<unsigned long long>(n)); }
    int between(int low, int high) { return low + below(high - low + 1); }
    bool chance(int percent) { return below(100) < percent; }
    std::string of(std::initializer_list<const char*> all) {
        return all.begin()[below(static_cast<int>(all.size()))];
    }
    template <class T>
    const T& of(const std::vector<T>& all) {
        return all[static_cast<std::size_t>(below(static_cast<int>(all.size())))];
    }

  private:
    std::mt19937_64 engine_;
};

}  // namespace fuzz
