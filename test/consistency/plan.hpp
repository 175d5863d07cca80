// What a session will do: transactions drawn from a seed. The plan depends on nothing else, so the
// same seed gives every session the same statements; only the interleaving is the server's.
#pragma once

#include <cstdint>
#include <optional>
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
    std::string before, behind;  // of sql: what makes the session somebody's, and ends that
    bool compares = false;       // its rows are comparisons
    bool only_reads = false;
    bool raises_version = false;  // its rows are key, version
    bool floor = false;           // its comparisons see all that is committed
    bool may_fail = false;        // and what follows is done all the same
    Effect effect = Effect::kNone;
    std::optional<Kind> kind;  // counted once it is done
    std::optional<Group> group;
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
    std::vector<Step> after;  // once it has been committed or prepared
};

// One way to write a statement, how often it is wanted, and which kind and tables it is of.
struct Choice {
    Kind kind;
    Group group;
    int weight;
    Step (*make)(Random&);
    bool light = false;  // keeps nobody waiting while it is prepared
    int since = 0;       // the major version that has it
};
std::span<const Choice> all_changes();
// Statements that need the tables, or all caches, for themselves; rare.
std::span<const Choice> all_definitions();
// The same of rows that have an instant.
std::span<const Choice> all_period_changes();
std::span<const Choice> all_period_definitions();
// The same of what the catalogs decide.
std::span<const Choice> all_catalog_changes();
std::span<const Choice> all_catalog_definitions();
// Of what is decided by who reads; and a read by somebody.
std::span<const Choice> all_reader_changes();
std::span<const Choice> all_reader_definitions();
void read_as_somebody(Random& random, Group group, Step* step);
// The same that not every major version has.
std::span<const Choice> all_newer_changes();
std::span<const Choice> all_newer_definitions();

class Planner {
  public:
    Planner(std::uint64_t seed, int session, int sessions, KindSet kinds, GroupSet groups,
            int major);

    Plan next();

  private:
    bool on(Kind kind) const { return kinds_[static_cast<std::size_t>(kind)]; }
    bool on(Group group) const { return groups_[static_cast<std::size_t>(group)]; }
    // A quarter of the keys are asked for more often, or there would hardly be hits between two
    // changes of a catalog.
    int key() { return random_.chance(500) ? random_.id(6) : random_.id(24); }
    std::string any_key() { return std::to_string(key()); }
    Group any_group();
    // For reads that are carried out as whoever the session is.
    Group any_group_for_all();

    void choose(std::span<const Choice> from, std::vector<Choice>* list) const;
    Step pick(const std::vector<Choice>& list);
    Step change() { return pick(changes_); }
    Step change(Group group);

    Plan reading();
    Plan writing();
    Plan overlapping();
    void deal_tour(std::uint64_t seed, int session, int sessions);
    Step definition();
    Plan defining();
    void add_definition(std::vector<Step>* steps);
    void look_after(const Step& definition, Plan* plan);
    Plan beside();
    Plan detaching();
    void add_changes(std::vector<Step>* steps, int depth);
    void add_block(std::vector<Step>* steps, int depth);
    void add_cursor(std::vector<Step>* steps);
    void add_held_cursor(Plan* plan);
    void add_replica(std::vector<Step>* steps);
    Step read() { return read(any_group()); }
    Step read(Group group);

    Random random_;
    KindSet kinds_;
    GroupSet groups_;
    int major_;
    std::vector<Choice> changes_;
    std::vector<Choice> definitions_;
    std::vector<Choice> deck_;  // those that are still to come, so that each has its turn
    std::size_t tour_ = 0;      // of them, how many are of the tour
    bool only_catalogs_;        // then it may be mostly DDL
    int savepoints_ = 0;
};

}  // namespace consistency
