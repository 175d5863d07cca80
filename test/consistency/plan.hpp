// What a session will do: transactions drawn from a seed. The plan depends on nothing else, so the
// same seed gives every session the same statements; only the interleaving is the server's.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "kinds.hpp"

namespace consistency {

class Random {
  public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}
    int below(int n) { return static_cast<int>(engine_() % static_cast<std::uint64_t>(n)); }
    bool chance(int per_mille) { return below(1000) < per_mille; }
    // One of n ids. Narrow: of a few of them, so that transactions meet more often.
    int id(int n) { return below(narrow && n >= 12 ? n / 6 : n); }
    bool narrow = false;

  private:
    std::mt19937_64 engine_;
};

struct Step {
    enum class Effect : std::uint8_t { kNone, kSavepoint, kRollbackTo, kRelease };

    std::string sql;
    std::string copy_data;
    bool compares = false;  // its rows are comparisons
    bool only_reads = false;
    bool raises_version = false;  // its rows are key, version
    bool floor = false;           // its comparisons see all that is committed
    bool may_fail = false;        // and what follows is done all the same
    Effect effect = Effect::kNone;
};

struct Plan {
    enum class End : std::uint8_t { kCommit, kRollback, kPrepare };

    bool single = false;  // statements without BEGIN
    bool repeatable = false;
    bool reads_only = false;
    bool commit_prepared = true;
    int prepared_for_ms = 0;
    End end = End::kCommit;
    std::vector<Step> steps;
    std::vector<Step> after;  // once it has been committed
};

// One way to write a statement, how often it is wanted, and which kind and tables it is of.
struct Choice {
    Kind kind;
    Group group;
    int weight;
    Step (*make)(Random&);
};
std::span<const Choice> all_changes();
// Statements that need the tables, or all caches, for themselves; rare.
std::span<const Choice> all_definitions();

class Planner {
  public:
    Planner(std::uint64_t seed, int session, KindSet kinds, GroupSet groups);

    Plan next();

  private:
    bool on(Kind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }
    bool on(Group group) const { return groups_[static_cast<std::size_t>(group)]; }
    int key() { return random_.id(24); }
    std::string any_key() { return std::to_string(key()); }
    Group any_group();

    std::vector<Choice> choose(std::span<const Choice> from) const;
    Step pick(const std::vector<Choice>& list);
    Step change() { return pick(changes_); }

    Plan reading();
    Plan writing();
    Plan overlapping();
    Plan defining();
    Plan detaching();
    void add_changes(std::vector<Step>* steps, int depth);
    void add_block(std::vector<Step>* steps, int depth);
    void add_cursor(std::vector<Step>* steps);
    void add_held_cursor(Plan* plan);
    void add_replica(std::vector<Step>* steps);
    Step read();

    Random random_;
    KindSet kinds_;
    GroupSet groups_;
    std::vector<Choice> changes_;
    std::vector<Choice> definitions_;
    int savepoints_ = 0;
};

}  // namespace consistency
