// Somebody who is connected and does what comes to mind, as one role after the other.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "random.hpp"
#include "statements.hpp"
#include "surface.hpp"

namespace fuzz {

struct Config {
    std::string socket;
    std::string port = "5432";
    std::string user = "postgres";
    std::string setup;
    unsigned long long seed = 1;
    int seconds = 20;
    int sessions = 6;

    std::string conninfo(const std::string& role, const std::string& database,
                         const std::string& application) const;
};

// What all of them share.
class Shared {
  public:
    explicit Shared(const Config& config) : config(config) {}

    const Config& config;
    std::string mark;  // what only the trusted may see
    std::atomic<bool> stop{false};
    std::atomic<long> statements{0};
    std::atomic<long> lost{0};

    Surface surface();
    void set_surface(const Surface& s);
    void count(const std::string& state);
    std::map<std::string, long> counts();
    // Something that must not be. `stops`: there is no point in going on.
    void found(const std::string& what, bool stops);
    int findings();
    // Somebody's session has gone, for whatever reason; told if the server has gone with it.
    void say_last(const std::string& words);
    std::string last_words();

  private:
    std::mutex mutex_;
    Surface surface_;
    std::map<std::string, long> counts_;
    std::map<std::string, int> found_;
    std::deque<std::string> last_words_;
};

void act(Shared* shared, int number);

}  // namespace fuzz
