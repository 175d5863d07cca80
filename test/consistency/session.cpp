// A session: carries out its plan and has every comparison judged.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "plan.hpp"
#include "run.hpp"
#include "schema.hpp"
#include "schema_catalog.hpp"

namespace consistency {
namespace {

constexpr const char* kCompareFailed = "CX001";

// Errors that concurrent transactions give each other, and those that a plan runs into because it
// does not know what the others have deleted.
bool expected(const Reply& reply) {
    static constexpr const char* kStates[] = {
        "40001",  // serialization failure
        "40P01",  // deadlock
        "55P03",  // lock timeout
        "23505",
        "23503",
        "23514",
        "21000",  // ON CONFLICT or MERGE would change a row twice
        "55006",  // ALTER TABLE: pending trigger events, object in use
        "42P01",
        "42P07",
        "42809",
        "55000",  // partitions come and go
        "25000",  // COPY FREEZE: a snapshot is in the way
        // Others have just dropped or renamed it, or made it.
        "42704",
        "42883",
        "42703",
        "42710",
        "42723",
        "42701",
        "42P06",
        "3F000",
    };
    for (const char* state : kStates) {
        if (reply.state == state) return true;
    }
    const auto says = [&](const char* text) {
        return reply.message.find(text) != std::string::npos;
    };
    // REFRESH ... CONCURRENTLY uses a temporary table, and PREPARE does not like that.
    if (reply.state == "0A000") return says("operated on temporary objects");
    // The second is INSERT ... ON CONFLICT that meets a partition just being attached or detached.
    return reply.state == "XX000" &&
           (says("tuple concurrently") || says("invalid arbiter index list") ||
            says("cache lookup failed for") || says("could not open relation with OID"));
}

std::string summary(const Reply& reply) {
    if (!reply.ok) return "ERROR " + reply.state + " " + reply.message;
    if (reply.rows.empty()) return reply.message;
    std::string text;
    for (const auto& row : reply.rows) {
        text += "(";
        for (std::size_t i = 0; i < row.size(); ++i) {
            text += (i > 0 ? ", " : "") + row[i].value_or("NULL");
        }
        text += ") ";
    }
    return text;
}

class Session {
  public:
    Session(Run* run, int number)
        : run_(*run),
          number_(number),
          planner_(run->config.seed, number, run->config.sessions, run->config.kinds,
                   run->config.groups, run->config.major) {
        connect();
    }

    void work() {
        while (!run_.stop) {
            carry_out(planner_.next());
            if (lost()) connect();
        }
    }

  private:
    using Versions = std::vector<std::pair<int, std::int64_t>>;

    bool lost() const { return run_.life != life_; }

    void connect() {
        connection_ = run_.connect(&life_);
        for (std::size_t i = 0; i < static_cast<std::size_t>(Group::kCount); ++i) {
            const auto group = static_cast<Group>(i);
            connection_->execute("PREPARE compare_" + std::string(name_of(group)) +
                                 "(int) AS SELECT " + comparison(group, "$1"));
        }
    }

    Reply execute(const std::string& sql, bool read, const std::string& copy_data = {}) {
        const std::uint64_t id = run_.history.start(number_, read, sql);
        Reply reply = connection_->execute(sql, copy_data);
        run_.history.finish(id, summary(reply));
        ++run_.statements;
        if (!reply.ok) judge_error(sql, reply);
        return reply;
    }

    void judge_error(const std::string& sql, const Reply& reply) {
        if (run_.stop || lost()) return;
        if (reply.state == kCompareFailed) {
            run_.fail({"wrong value, seen by a trigger", name_of(Group::kSale),
                       reply.message + "\n  in: " + sql});
        } else if (expected(reply)) {
            ++run_.errors;
        } else {
            run_.fail({reply.state.empty() ? "the connection was lost" : "unexpected error", "",
                       reply.state + " " + reply.message + "\n  in: " + sql});
        }
    }

    void carry_out(const Plan& plan) {
        versions_.clear();
        savepoints_.clear();
        floors_ = run_.oracle.floors();
        if (plan.single) {
            for (const Step& step : plan.steps) {
                versions_.clear();
                if (take(step, plan)) {
                    acknowledge();
                } else if (!step.may_fail) {
                    return;
                }
            }
            return;
        }
        bool ok = execute(plan.repeatable ? "BEGIN ISOLATION LEVEL REPEATABLE READ" : "BEGIN",
                          plan.reads_only)
                      .ok;
        for (std::size_t i = 0; ok && i < plan.steps.size() && !run_.stop; ++i) {
            ok = take(plan.steps[i], plan);
        }
        if (ok && plan.repeatable) run_.count(Kind::kRepeatable);
        if (!ok || run_.stop || plan.end == Plan::End::kRollback) {
            if (execute("ROLLBACK", plan.reads_only).ok && ok) run_.count(Kind::kRollback);
        } else if (plan.end == Plan::End::kPrepare) {
            prepare(plan);
        } else if (execute("COMMIT", plan.reads_only).ok) {
            acknowledge();
            take_after(plan);
        }
    }

    void take_after(const Plan& plan) {
        for (std::size_t i = 0; i < plan.after.size() && !run_.stop; ++i) {
            if (!take(plan.after[i], plan)) return;
        }
    }

    bool take(const Step& step, const Plan& plan) {
        if (!plan.repeatable) floors_ = run_.oracle.floors();
        if (step.kind) ++run_.tried[static_cast<std::size_t>(*step.kind)];
        const Reply reply = execute(step.sql, step.only_reads, step.copy_data);
        if (!reply.ok) return false;
        if (step.kind) run_.count(*step.kind);
        if (step.compares) judge(step, reply);
        if (step.raises_version) {
            for (const auto& row : reply.rows) {
                versions_.emplace_back(std::stoi(*row[0]), std::stoll(*row[1]));
            }
        }
        switch (step.effect) {
            case Step::Effect::kSavepoint:
                savepoints_.push_back(versions_.size());
                break;
            case Step::Effect::kRollbackTo:
                // The savepoint stays, but what follows belongs to those around it as well.
                versions_.resize(savepoints_.back());
                savepoints_.pop_back();
                break;
            case Step::Effect::kRelease:
                savepoints_.pop_back();
                break;
            case Step::Effect::kNone:
                break;
        }
        return !run_.stop;
    }

    void acknowledge() {
        for (const auto& [key, version] : versions_) run_.oracle.acknowledged(key, version);
    }

    void judge(const Step& step, const Reply& reply) {
        const std::optional<Wrong> wrong =
            run_.oracle.check(reply, step.floor ? &floors_ : nullptr);
        if (!wrong || run_.stop) return;
        Group group = Group::kItem;
        for (std::size_t i = 0; i < static_cast<std::size_t>(Group::kCount); ++i) {
            if (wrong->cache == kGroupNames[i]) group = static_cast<Group>(i);
        }
        const std::string key = std::to_string(wrong->key);
        std::ostringstream details;
        details << "session " << number_ << " (server process " << connection_->server_pid()
                << "), key " << key << "\n  " << wrong->what << "\n  in: " << step.sql << "\n"
                << "  afterwards, in the same session:\n";
        const auto ask = [&](const std::string& what, const std::string& sql) {
            details << "    " << what << ": " << summary(connection_->execute(sql)) << "\n";
        };
        if (wrong->by_definition && settles(group, key, step)) return run_.oracle.settled();
        ask("cache_explain",
            "SELECT * FROM cache_explain('" + wrong->cache + "', " + arguments(group, key) + ")");
        ask("snapshot",
            "SELECT pg_current_snapshot(), pg_current_xact_id_if_assigned(), "
            "current_setting('transaction_isolation')");
        ask("again", step.before + "SELECT " + comparison(group, key) + step.behind);
        ask("in progress",
            "SELECT pid, backend_xid, backend_xmin, left(query, 60) FROM pg_stat_activity WHERE "
            "backend_xid IS NOT NULL");
        ask("prepared", "SELECT gid, transaction FROM pg_prepared_xacts");
        run_.fail({"wrong value from cache " + wrong->cache, wrong->cache, details.str()});
    }

    // DDL is visible a moment before the sessions are told to forget what was before, and may be
    // undone between two calls of a loader. So there a difference has to last: the same session, in
    // the same transaction, asks once more, having listened. Or it is a plan that the session has
    // kept; then a new session must find nothing wrong.
    bool settles(Group group, const std::string& key, const Step& as) {
        for (int i = 0; i < 3; ++i) {
            if (i > 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));
            if (agrees(connection_.get(), comparison(group, key), as)) return true;
        }
        if (lost()) return true;
        if (!decided_by_catalogs(group)) return false;
        if (!agrees(connection_.get(), kept_comparison(group, key), as)) return false;
        int life;
        const auto fresh = run_.connect(&life);
        return agrees(fresh.get(), comparison(group, key), as) || lost();
    }

    bool agrees(Connection* connection, const std::string& compared, const Step& as) {
        const Reply reply = connection->execute("SELECT pg_relation_size('history.hearing'); " +
                                                as.before + "SELECT " + compared + as.behind);
        return reply.ok ? !run_.oracle.check(reply, nullptr) : expected(reply);
    }

    void prepare(const Plan& plan) {
        const std::string gid =
            kGidPrefix + std::to_string(number_) + "." + std::to_string(++prepared_);
        if (too_many_prepared()) {
            execute("ROLLBACK", false);
            return;
        }
        announce({gid, plan.commit_prepared, Prepared::kNotYet, false, versions_});
        const bool ok = execute("PREPARE TRANSACTION '" + gid + "'", false).ok;
        if (!ok && !lost() && connection_->in_transaction()) execute("ROLLBACK", false);
        if (ok) {
            run_.count(Kind::kPrepared);
            take_after(plan);
        }
        // It is ended by another session, some time after all this.
        const double due = run_.history.now() + plan.prepared_for_ms / 1000.0;
        std::lock_guard<std::mutex> guard(run_.mutex);
        const auto it = std::find_if(run_.prepared.begin(), run_.prepared.end(),
                                     [&](const Prepared& p) { return p.gid == gid; });
        if (ok) {
            it->due = due;
        } else if (lost()) {
            *it = {gid, false, due, true, {}};
        } else {
            run_.prepared.erase(it);
        }
    }

    void announce(const Prepared& prepared) {
        std::lock_guard<std::mutex> guard(run_.mutex);
        run_.prepared.push_back(prepared);
    }

    // The server has room for twenty.
    bool too_many_prepared() {
        std::lock_guard<std::mutex> guard(run_.mutex);
        return run_.prepared.size() + static_cast<std::size_t>(run_.config.sessions) > 18;
    }

    Run& run_;
    int number_;
    std::unique_ptr<Connection> connection_;
    int life_ = 0;
    Planner planner_;
    Versions versions_;
    std::vector<std::size_t> savepoints_;
    Floors floors_ = {};
    int prepared_ = 0;
};

// Whatever a session throws ends the run, not the program.
template <class Body>
void guarded(Run* run, Body body) {
    try {
        body();
    } catch (const std::exception& e) {
        run->fail({"a session could not go on", "", e.what()});
    }
}

}  // namespace

void Run::fail(Failure what) {
    std::lock_guard<std::mutex> guard(mutex);
    if (!failure) failure = std::move(what);
    stop = true;
}

std::unique_ptr<Connection> Run::connect(int* its_life) {
    while (true) {
        *its_life = life;
        if (*its_life % 2 == 0) {
            try {
                auto connection = std::make_unique<Connection>(config.conninfo);
                prepare_session(connection.get());
                if (life == *its_life) return connection;
            } catch (const std::exception&) {
                if (life == *its_life) throw;
            }
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

void run_session(Run* run, int session) {
    guarded(run, [&] { Session(run, session).work(); });
}

namespace {

// Takes one that is due; none_left: nobody prepares any more, and all have been taken.
std::optional<Prepared> take_due(Run* run, bool* none_left) {
    std::lock_guard<std::mutex> guard(run->mutex);
    std::optional<Prepared> next;
    const auto due = [&](const Prepared& p) {
        return p.due != Prepared::kNotYet && (run->stop || p.due <= run->history.now());
    };
    const auto it = std::find_if(run->prepared.begin(), run->prepared.end(), due);
    if (it != run->prepared.end()) {
        next = *it;
        run->prepared.erase(it);
    }
    *none_left = run->prepared.empty();
    return next;
}

}  // namespace

void run_resolver(Run* run, int session) {
    guarded(run, [&] {
        int life;
        auto connection = run->connect(&life);
        while (true) {
            bool none_left;
            std::optional<Prepared> next = take_due(run, &none_left);
            if (!next) {
                if (run->stop && none_left) return;
                std::this_thread::sleep_for(std::chrono::milliseconds(1));
                continue;
            }
            const std::string sql =
                (next->commit ? "COMMIT PREPARED '" : "ROLLBACK PREPARED '") + next->gid + "'";
            Reply reply;
            // Once more if the server went away: then it may have been done.
            while (true) {
                if (life != run->life) connection = run->connect(&life);
                const std::uint64_t id = run->history.start(session, false, sql);
                reply = connection->execute(sql);
                run->history.finish(id, summary(reply));
                if (reply.ok || life == run->life) break;
                next->unsure = true;
            }
            const bool done = reply.ok || (next->unsure && reply.state == "42704");
            if (!done) {
                run->fail({"unexpected error", "", reply.message + "\n  in: " + sql});
            } else if (next->commit) {
                for (const auto& [key, version] : next->versions) {
                    run->oracle.acknowledged(key, version);
                }
            }
        }
    });
}

}  // namespace consistency
