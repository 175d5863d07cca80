// How a plan is put together; the single statements are in the other files plan_*.cpp.
#include "plan.hpp"

#include <algorithm>

#include "schema.hpp"
#include "schema_catalog.hpp"
#include "schema_readers.hpp"

namespace consistency {
namespace {

Step made(const Choice& choice, Random& random) {
    Step step = choice.make(random);
    step.kind = choice.kind;
    step.group = choice.group;
    return step;
}

void shuffle(std::vector<Choice>* list, Random& random) {
    for (std::size_t i = list->size(); i > 1; --i) {
        std::swap((*list)[i - 1],
                  (*list)[static_cast<std::size_t>(random.below(static_cast<int>(i)))]);
    }
}

}  // namespace

Planner::Planner(std::uint64_t seed, int session, int sessions, KindSet kinds, GroupSet groups,
                 int major)
    : random_(seed * 1000003 + static_cast<std::uint64_t>(session)),
      kinds_(kinds),
      groups_(groups),
      major_(major) {
    // A run for one group of tables is to find what happens seldom in the mix of all.
    random_.narrow = groups.count() == 1;
    only_catalogs_ = true;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        if (groups[i] && !decided_by_catalogs(static_cast<Group>(i))) only_catalogs_ = false;
    }
    choose(all_changes(), &changes_);
    choose(all_period_changes(), &changes_);
    choose(all_catalog_changes(), &changes_);
    choose(all_reader_changes(), &changes_);
    choose(all_newer_changes(), &changes_);
    choose(all_definitions(), &definitions_);
    choose(all_period_definitions(), &definitions_);
    choose(all_catalog_definitions(), &definitions_);
    choose(all_reader_definitions(), &definitions_);
    choose(all_newer_definitions(), &definitions_);
    deal_tour(seed, session, sessions);
}

void Planner::choose(std::span<const Choice> from, std::vector<Choice>* list) const {
    for (const Choice& c : from) {
        if (c.since > major_) continue;
        // Nested and put caches, and aggregates, change with the tables of others.
        const bool item =
            c.group == Group::kItem && (on(Group::kBoth) || on(Group::kNote) || on(Group::kTotal));
        const bool event = c.group == Group::kEvent && (on(Group::kBoth) || on(Group::kStream));
        const bool sale = c.group == Group::kSale && on(Group::kShare);
        const bool lead = c.group == Group::kLead && on(Group::kTalk);
        if (on(c.kind) && (on(c.group) || item || event || sale || lead)) list->push_back(c);
    }
}

Step Planner::pick(const std::vector<Choice>& list) {
    int total = 0;
    for (const Choice& c : list) total += c.weight;
    if (total == 0) return read();
    int n = random_.below(total);
    for (const Choice& c : list) {
        n -= c.weight;
        if (n < 0) return made(c, random_);
    }
    return read();
}

// Between them, all sessions begin with all definitions, twice; so a short run has had them all.
void Planner::deal_tour(std::uint64_t seed, int session, int sessions) {
    std::vector<Choice> all = definitions_;
    Random same_for_all(seed);
    shuffle(&all, same_for_all);
    for (const int turn : {session, session + sessions / 2}) {
        for (std::size_t i = static_cast<std::size_t>(turn % sessions); i < all.size();
             i += static_cast<std::size_t>(sessions)) {
            deck_.push_back(all[i]);
        }
    }
    tour_ = deck_.size();
}

Step Planner::definition() {
    if (definitions_.empty()) return read();
    if (deck_.empty()) {
        for (const Choice& c : definitions_) {
            deck_.insert(deck_.end(), static_cast<std::size_t>(c.weight), c);
        }
        shuffle(&deck_, random_);
    }
    const Choice chosen = deck_.back();
    deck_.pop_back();
    tour_ = std::min(tour_, deck_.size());
    return made(chosen, random_);
}

Group Planner::any_group() {
    // An entry of the nested cache lives no longer than what it was made of, so it is asked less
    // often.
    static constexpr int kWeights[] = {10, 10, 12, 8, 10, 4, 4, 8, 6, 10, 8,
                                       8,  8,  10, 6, 6,  6, 6, 8, 8, 8};
    static_assert(std::size(kWeights) == static_cast<std::size_t>(Group::kCount));
    int total = 0;
    for (std::size_t i = 0; i < std::size(kWeights); ++i) total += groups_[i] ? kWeights[i] : 0;
    int n = random_.below(total);
    for (std::size_t i = 0; i < std::size(kWeights); ++i) {
        n -= groups_[i] ? kWeights[i] : 0;
        if (n < 0) return static_cast<Group>(i);
    }
    return Group::kItem;
}

Group Planner::any_group_for_all() {
    const Group group = any_group();
    return group == Group::kNote || decided_by_session(group) ? Group::kItem : group;
}

Step Planner::read(Group group) {
    Step step;
    step.compares = step.only_reads = step.floor = true;
    const int way = random_.below(10);
    if (way < 4) {
        step.sql = "EXECUTE compare_" + std::string(name_of(group)) + "(" + any_key() + ")";
    } else if (way < 6) {
        step.sql = "SELECT " + comparison(group, any_key());
    } else if (way < 9) {
        const int first = key();
        step.sql = "SELECT " + comparison(group, "k") + " FROM generate_series(" +
                   std::to_string(first) + ", " + std::to_string(std::min(23, first + 5)) +
                   ") AS k";
    } else {
        const std::string k = any_key();
        step.sql = "SELECT " + comparison(group, k);
        if (!decided_by_session(group)) {
            step.sql += " UNION ALL SELECT " + comparison(any_group_for_all(), k) +
                        " UNION ALL SELECT " + comparison(any_group_for_all(), k);
        }
    }
    if (decided_by_session(group)) read_as_somebody(random_, group, &step);
    return step;
}

Plan Planner::next() {
    const int n = random_.below(1000);
    const int definitions = tour_ > 0 ? 20 : only_catalogs_ ? 10 : 4;
    const int besides = only_catalogs_ ? 5 : 1;
    if (n < definitions && !definitions_.empty()) return defining();
    if (n >= 20 && n < 20 + besides && on(Kind::kBeside) && on(Group::kFresh)) return beside();
    if (n == 25 && on(Kind::kDetach) && on(Group::kEvent)) return detaching();
    if (n < 190 && !changes_.empty()) return writing();
    return reading();
}

Plan Planner::reading() {
    Plan plan;
    plan.reads_only = true;
    plan.single = random_.chance(500);
    if (plan.single) {
        plan.steps.push_back(read());
        return plan;
    }
    plan.repeatable = random_.chance(400) && on(Kind::kRepeatable);
    for (int n = 2 + random_.below(6); n > 0; --n) plan.steps.push_back(read());
    plan.end = random_.chance(200) ? Plan::End::kRollback : Plan::End::kCommit;
    return plan;
}

Plan Planner::writing() {
    Plan plan;
    if (random_.chance(300)) {
        plan.single = true;
        plan.steps.push_back(change());
        return plan;
    }
    if (random_.narrow && on(Kind::kPrepared) && on(Kind::kKeyMove) && random_.chance(500)) {
        return overlapping();
    }
    plan.repeatable = random_.chance(250) && on(Kind::kRepeatable);
    if (random_.chance(300)) plan.steps.push_back(read());
    add_changes(&plan.steps, 0);
    if (random_.chance(40) && on(Kind::kHold)) {
        add_held_cursor(&plan);
        return plan;
    }
    // A run for one group of tables may be about what prepared transactions do to each other.
    const int prepares = groups_.count() == 1 ? 40 : 12;
    const int end = random_.below(100);
    if (end < prepares && on(Kind::kPrepared)) {
        plan.end = Plan::End::kPrepare;
        plan.commit_prepared = random_.chance(700);
        // What it has looked up may be moved by others meanwhile.
        plan.prepared_for_ms = random_.chance(700) ? random_.below(10) : 10 + random_.below(90);
    } else if (end < prepares + 8 && on(Kind::kRollback)) {
        plan.end = Plan::End::kRollback;
    }
    return plan;
}

// One change that stays prepared: a move for a short time, anything else for longer. So a row is
// changed while its path is being moved, and is still not committed when the path has moved and
// others have read what they find there.
Plan Planner::overlapping() {
    const bool move = random_.chance(350);
    std::vector<Choice> list;
    for (const Choice& c : changes_) {
        const bool moves = c.kind == Kind::kKeyMove;
        if (moves == move && c.kind != Kind::kDelete) list.push_back(c);
    }
    Plan plan;
    plan.steps.push_back(pick(list));
    plan.end = Plan::End::kPrepare;
    plan.prepared_for_ms = move ? 10 + random_.below(30) : 40 + random_.below(80);
    return plan;
}

void Planner::add_changes(std::vector<Step>* steps, int depth) {
    for (int n = 1 + random_.below(3); n > 0; --n) {
        const int what = random_.below(100);
        if (what < 14 && on(Kind::kSavepoint) && depth < 3) {
            add_block(steps, depth + 1);
        } else if (what < 17 && on(Kind::kCursor) && depth == 0) {
            add_cursor(steps);
        } else if (what < 20 && on(Kind::kReplica)) {
            add_replica(steps);
        } else if (what < 35) {
            steps->push_back(read());
        } else {
            steps->push_back(change());
        }
    }
}

void Planner::add_block(std::vector<Step>* steps, int depth) {
    const std::string name = "s" + std::to_string(++savepoints_);
    Step begin;
    begin.sql = "SAVEPOINT " + name;
    begin.effect = Step::Effect::kSavepoint;
    begin.kind = Kind::kSavepoint;
    steps->push_back(begin);
    add_changes(steps, depth);
    Step end;
    const bool back = random_.chance(550);
    end.sql = (back ? "ROLLBACK TO " : "RELEASE ") + name;
    end.effect = back ? Step::Effect::kRollbackTo : Step::Effect::kRelease;
    steps->push_back(end);
    // What follows a rollback within the savepoint counts.
    if (back && random_.chance(500)) steps->push_back(change());
    if (random_.chance(300)) steps->push_back(read());
}

// Rows of a cursor belong to the snapshot of its declaration, whatever is changed in between.
void Planner::add_cursor(std::vector<Step>* steps) {
    const Group group = any_group_for_all();
    const std::string name = "c" + std::to_string(++savepoints_);
    Step step;
    step.sql = "DECLARE " + name + " CURSOR FOR SELECT " + comparison(group, "k") +
               " FROM generate_series(0, 7) AS k";
    step.kind = Kind::kCursor;
    steps->push_back(step);
    for (int n = 0; n < 3; ++n) {
        if (random_.chance(400)) steps->push_back(change());
        Step fetch;
        fetch.sql = "FETCH 2 FROM " + name;
        fetch.compares = fetch.only_reads = true;
        steps->push_back(fetch);
    }
}

// One that outlives its transaction: what it shows is found out when that commits.
void Planner::add_held_cursor(Plan* plan) {
    const Group group = any_group_for_all();
    const std::string name = "h" + std::to_string(++savepoints_);
    Step step;
    step.sql = "DECLARE " + name + " CURSOR WITH HOLD FOR SELECT " + comparison(group, "k") +
               " FROM generate_series(0, 7) AS k";
    plan->steps.push_back(step);
    if (random_.chance(500)) plan->steps.push_back(change());
    step.sql = "FETCH ALL FROM " + name;
    step.compares = step.only_reads = true;
    step.kind = Kind::kHold;
    plan->after.push_back(step);
    step.sql = "CLOSE " + name;
    step.compares = false;
    step.kind.reset();
    plan->after.push_back(step);
}

void Planner::add_replica(std::vector<Step>* steps) {
    Step step;
    step.sql = "SET LOCAL session_replication_role = replica";
    step.kind = Kind::kReplica;
    steps->push_back(step);
    // A lead that is left without its call, or comes to be, finds one later that tells nobody: that
    // is a known limit.
    std::vector<Choice> list;
    for (const Choice& c : changes_) {
        if (c.group != Group::kLead || c.kind == Kind::kUpdate || !on(Group::kTalk)) {
            list.push_back(c);
        }
    }
    for (int n = 1 + random_.below(2); n > 0; --n) steps->push_back(pick(list));
    step.sql = "SET LOCAL session_replication_role = origin";
    step.kind.reset();
    steps->push_back(step);
}

Plan Planner::defining() {
    Plan plan;
    if (random_.chance(300) && !changes_.empty()) plan.steps.push_back(change());
    Step timeout;
    // Mostly nobody has to wait behind it for long; but some tables are hardly ever free.
    timeout.sql =
        "SET LOCAL lock_timeout = '" + std::string(random_.chance(250) ? "400" : "40") + "ms'";
    plan.steps.push_back(timeout);
    add_definition(&plan.steps);
    look_after(plan.steps.back(), &plan);
    if (random_.chance(300)) plan.steps.push_back(read());
    if (random_.chance(300) && !changes_.empty()) plan.steps.push_back(change());
    const int end = random_.below(100);
    if (end < 15 && on(Kind::kRollback)) plan.end = Plan::End::kRollback;
    if (end >= 85 && on(Kind::kPrepared)) plan.end = Plan::End::kPrepare;
    plan.prepared_for_ms = random_.below(20);
    // It may hold locks as long as it is prepared.
    if (plan.end == Plan::End::kPrepare) plan.after.clear();
    return plan;
}

// What it may have left unnoticed shows in a change of a row between two reads.
void Planner::look_after(const Step& definition, Plan* plan) {
    if (!definition.group || !decided_by_catalogs(*definition.group) || random_.chance(300)) return;
    const Group group = *definition.group;
    plan->after.push_back(read(group));
    for (int i = 0; i < 2; ++i) plan->after.push_back(change(group));
    for (int i = 0; i < 3; ++i) plan->after.push_back(read(group));
}

Step Planner::change(Group group) {
    std::vector<Choice> list;
    for (const Choice& c : changes_) {
        if (c.group == group) list.push_back(c);
    }
    return pick(list);
}

// One; or one in a savepoint, that is kept or taken back, and then perhaps another.
void Planner::add_definition(std::vector<Step>* steps) {
    const int way = on(Kind::kUndo) ? random_.below(100) : 100;
    if (way >= 30) {
        steps->push_back(definition());
        return;
    }
    const bool back = way < 20;
    Step step;
    step.sql = "SAVEPOINT definition";
    step.effect = Step::Effect::kSavepoint;
    steps->push_back(step);
    steps->push_back(definition());
    if (random_.chance(400)) steps->push_back(read());
    step.sql = back ? "ROLLBACK TO definition" : "RELEASE definition";
    step.effect = back ? Step::Effect::kRollbackTo : Step::Effect::kRelease;
    step.kind = Kind::kUndo;
    steps->push_back(step);
    if (random_.chance(400)) steps->push_back(read());
    if (back && random_.chance(500)) steps->push_back(definition());
}

// Caches that are declared, and first used, while a transaction that changes what they call is
// prepared: none of them was there when that transaction said what it changes.
Plan Planner::beside() {
    static constexpr Group kGroups[] = {Group::kFresh, Group::kFresh, Group::kOper, Group::kRight,
                                        Group::kRole};
    const Group group = kGroups[random_.below(static_cast<int>(std::size(kGroups)))];
    std::vector<Choice> list;
    for (const Choice& c : definitions_) {
        if (c.light && c.group == group) list.push_back(c);
    }
    Plan plan;
    plan.steps.push_back(pick(list));
    plan.end = Plan::End::kPrepare;
    plan.commit_prepared = random_.chance(800);
    plan.prepared_for_ms = 20 + random_.below(100);
    Step step;
    // What is prepared ends only after this: no use to wait for it, and all readers behind.
    step.sql = "SET LOCAL lock_timeout = '200ms'; " + redeclare_sql(group);
    step.kind = Kind::kBeside;
    plan.after.push_back(step);
    for (int n = 2 + random_.below(3); n > 0; --n) plan.after.push_back(read(group));
    return plan;
}

// In two transactions of its own, between which some snapshots see the partition and some do not.
// One that was interrupted is taken up by the next.
Plan Planner::detaching() {
    Plan plan;
    plan.single = true;
    const auto add = [&](const char* sql) {
        Step step;
        step.sql = sql;
        step.may_fail = true;
        plan.steps.push_back(step);
    };
    add("SET lock_timeout = '300ms'");
    add("ALTER TABLE event DETACH PARTITION event_1 CONCURRENTLY");
    plan.steps.back().kind = Kind::kDetach;
    plan.steps.push_back(read());
    if (major_ >= 19 && random_.chance(500)) {
        add("REPACK (CONCURRENTLY) item");
        plan.steps.push_back(read(Group::kItem));
    }
    add("ALTER TABLE event DETACH PARTITION event_1 FINALIZE");
    add("UPDATE event_1 SET v = v + 7");
    if (random_.chance(500)) plan.steps.push_back(read());
    add("ALTER TABLE event ATTACH PARTITION event_1 FOR VALUES IN (1)");
    add("SET lock_timeout = '2s'");
    plan.steps.push_back(read());
    return plan;
}

}  // namespace consistency
