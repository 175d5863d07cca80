// One run: sessions, phases and their verdict.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "history.hpp"
#include "kinds.hpp"
#include "oracle.hpp"
#include "schema.hpp"

namespace consistency {

struct Config {
    std::string conninfo;
    std::uint64_t seed = 1;
    double seconds = 20;
    int sessions = 8;
    KindSet kinds = KindSet().set();
    GroupSet groups = GroupSet().set();
    bool verbose = false;
    Declared declared = Declared::kAll;
    int major = 15;  // of the server, as the run finds out
    // A command that lets the server crash and starts it again; empty: none.
    std::string restart;
};

struct Failure {
    std::string title;
    std::string cache;  // of a mismatch
    std::string details;
};

// A prepared transaction that waits for another session to end it.
struct Prepared {
    static constexpr double kNotYet = 1e9;

    std::string gid;
    bool commit;
    double due;           // second of the run; kNotYet: whoever prepares it is not done
    bool unsure = false;  // the server crashed meanwhile: it may not be there
    std::vector<std::pair<int, std::int64_t>> versions;
};

// What the sessions share.
struct Run {
    Config config;
    History history;
    Oracle oracle;
    std::atomic<bool> stop = false;
    // Raised when the server is about to crash, and again when it is back: odd in between. A
    // connection belongs to the life that it was made in.
    std::atomic<int> life = 0;
    std::atomic<std::uint64_t> statements = 0;
    std::atomic<std::uint64_t> errors = 0;  // that were to be expected
    // A definition that meets a lock gives up.
    KindCounts tried = {};
    KindCounts done = {};

    void count(Kind kind) { ++done[static_cast<std::size_t>(kind)]; }

    std::mutex mutex;  // of what follows
    std::optional<Failure> failure;
    std::vector<Prepared> prepared;

    // The first one counts; ends the run.
    void fail(Failure failure);
    // A connection for a session, and its life; waits while the server is away.
    std::unique_ptr<Connection> connect(int* its_life);
};

// Runs planned transactions until the run stops.
void run_session(Run* run, int session);
// Ends prepared transactions, after a while.
void run_resolver(Run* run, int session);

// Hits and reads, as cache_stat counts them.
struct Share {
    std::int64_t hits = 0;
    std::int64_t reads = 0;
    double percent() const {
        return reads == 0 ? 100.0 : 100.0 * static_cast<double>(hits) / static_cast<double>(reads);
    }
};

struct Verdict {
    std::optional<Failure> failure;
    double seconds = 0;
    std::uint64_t comparisons = 0;
    std::uint64_t moved = 0;
    std::uint64_t settled = 0;
    std::uint64_t statements = 0;
    std::uint64_t errors = 0;
    std::vector<std::pair<std::string, Share>> phases;
    std::array<std::uint64_t, static_cast<std::size_t>(Kind::kCount)> tried = {};
    std::array<std::uint64_t, static_cast<std::size_t>(Kind::kCount)> done = {};
    std::string by_cache;  // table: hits, misses, bypasses and their reasons
};

// Makes the schema, runs for the configured time or until the first failure. Throws
// std::runtime_error when the server cannot be used at all. The history of a failed run goes to
// stderr unless `quiet`.
Verdict run(const Config& config, bool quiet);

}  // namespace consistency
