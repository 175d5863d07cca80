#include "run.hpp"

#include <algorithm>
#include <chrono>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <thread>

#include "schema.hpp"

namespace consistency {
namespace {

// Transactions that stay open for a whole phase, with rows that nobody else's plan waits for.
class Burden {
  public:
    Burden(Run* run, bool long_writer, bool orphan, int phase)
        : run_(*run), orphan_(orphan), commit_(phase % 8 < 4) {
        const std::string id = std::to_string(1000 + phase);
        const std::string k = std::to_string(phase % kKeys);
        const std::string rows = "INSERT INTO item VALUES (" + id + ", " + k + ", 1); ";
        if (long_writer) {
            open_ = std::make_unique<Connection>(run->config.conninfo);
            prepare_session(open_.get());
            note("BEGIN; " + rows + "INSERT INTO event VALUES (" + id + ", 0, " + k + ", 1)",
                 open_.get());
        }
        if (orphan) {
            gid_ = std::string(kGidPrefix) + "orphan " + id;
            Connection connection(run->config.conninfo);
            prepare_session(&connection);
            note("BEGIN; INSERT INTO sale VALUES (" + id +
                     ", 1, 1, 3); INSERT INTO item VALUES (1" + id + ", " + k +
                     ", 1); INSERT INTO other VALUES (1); PREPARE TRANSACTION '" + gid_ + "'",
                 &connection);
        }
    }
    void end() {
        const std::string how = commit_ ? "COMMIT" : "ROLLBACK";
        if (open_ != nullptr) note(how, open_.get());
        if (orphan_) {
            Connection connection(run_.config.conninfo);
            prepare_session(&connection);
            note(how + " PREPARED '" + gid_ + "'", &connection);
        }
    }

  private:
    void note(const std::string& sql, Connection* connection) {
        const std::uint64_t id = run_.history.start(98, false, sql);
        const Reply reply = connection->execute(sql);
        run_.history.finish(id, reply.ok ? reply.message : "ERROR " + reply.message);
        // Definitions may be in the way for longer than we wait.
        if (!reply.ok) {
            if (connection == open_.get() && sql.compare(0, 5, "BEGIN") == 0) open_.reset();
            if (sql.find("PREPARE TRANSACTION") != std::string::npos) orphan_ = false;
        }
    }

    Run& run_;
    std::unique_ptr<Connection> open_;
    bool orphan_;
    bool commit_;
    std::string gid_;
};

// The server goes without a checkpoint and comes back; prepared transactions outlive it.
void crash(Run* run) {
    const std::uint64_t id = run->history.start(97, false, "the server crashes");
    ++run->life;
    const int status = std::system(run->config.restart.c_str());
    ++run->life;
    run->history.finish(id, "it is back");
    if (status != 0) run->fail({"the server could not be restarted", "", run->config.restart});
}

// Without the caches that are dropped and declared again, counters and all.
Share counted(Connection* connection) {
    const Reply reply = connection->must(
        "SELECT sum(hits)::bigint, sum(hits + misses + bypasses)::bigint FROM cache_stat WHERE "
        "cache <> "
        "ALL ('{oper,right,role,swap,fresh,mood}')");
    return {std::stoll(reply.rows[0][0].value_or("0")), std::stoll(reply.rows[0][1].value_or("0"))};
}

std::string table_of(Connection* connection) {
    std::ostringstream out;
    const Reply stat = connection->must(
        "SELECT cache, hits, misses, bypasses, fills, invalidations, refreshes, evictions, errors "
        "FROM cache_stat ORDER BY cache");
    out << "  cache         hits    misses  bypasses     fills invalidat. refreshes evictions    "
           "errors\n";
    for (const auto& row : stat.rows) {
        out << "  " << std::left << std::setw(8) << *row[0] << std::right;
        for (std::size_t i = 1; i < row.size(); ++i) out << std::setw(10) << *row[i];
        out << "\n";
    }
    const Reply reasons = connection->must(
        "SELECT reason, sum(bypasses), string_agg(cache || ' ' || bypasses, ', ' ORDER BY bypasses "
        "DESC) FROM cache_bypasses WHERE bypasses > 0 GROUP BY 1 ORDER BY 2 DESC");
    for (const auto& row : reasons.rows) {
        out << "  bypassed " << std::setw(8) << *row[1] << "  " << *row[0] << " (" << *row[2]
            << ")\n";
    }
    return out.str();
}

void wait_until(const Run& run, double time) {
    while (!run.stop && run.history.now() < time) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

std::string phase_name(bool long_writer, bool orphan) {
    if (long_writer && orphan) return "long writer and orphan";
    if (long_writer) return "long writer";
    return orphan ? "orphaned prepared transaction" : "undisturbed";
}

}  // namespace

Verdict run(const Config& config, bool quiet) {
    Run run;
    run.config = config;
    int life;
    auto admin = run.connect(&life);
    run.config.major = admin->major();
    set_declared(config.declared);
    make_schema(admin.get());
    // That may have taken its time.
    const double last = run.history.now() + config.seconds;

    std::vector<std::thread> threads;
    for (int i = 0; i < config.sessions; ++i) threads.emplace_back(run_session, &run, i);
    threads.emplace_back(run_resolver, &run, 99);

    Verdict verdict;
    const bool long_writers = config.kinds[static_cast<std::size_t>(Kind::kLongWriter)];
    const bool orphans = config.kinds[static_cast<std::size_t>(Kind::kOrphan)];
    const double length = std::clamp(config.seconds / 4, 1.0, 15.0);
    Share before = counted(admin.get());
    for (int phase = 0; !run.stop && run.history.now() < last; ++phase) {
        const bool long_writer = long_writers && phase % 2 == 1;
        const bool orphan = orphans && phase % 4 >= 2;
        try {
            Burden burden(&run, long_writer, orphan, phase);
            const double end = std::min(last, run.history.now() + length);
            const std::string name = phase_name(long_writer, orphan);
            const auto add = [&](const Share& after) {
                auto it = std::find_if(verdict.phases.begin(), verdict.phases.end(),
                                       [&](const auto& p) { return p.first == name; });
                if (it == verdict.phases.end()) it = verdict.phases.insert(it, {name, Share{}});
                it->second.hits += after.hits - before.hits;
                it->second.reads += after.reads - before.reads;
            };
            if (phase % 4 == 3 && !config.restart.empty()) {
                wait_until(run, (run.history.now() + end) / 2);
                add(counted(admin.get()));
                if (!run.stop) crash(&run);
                admin = run.connect(&life);
                before = counted(admin.get());
            }
            wait_until(run, end);
            burden.end();
            if (long_writer) run.count(Kind::kLongWriter);
            if (orphan) run.count(Kind::kOrphan);
            const Share after = counted(admin.get());
            add(after);
            if (config.verbose) {
                std::cout << std::fixed << std::setprecision(1) << run.history.now() << " s, "
                          << name << ": " << run.oracle.comparisons() << " comparisons, hits "
                          << Share{after.hits - before.hits, after.reads - before.reads}.percent()
                          << " %" << std::endl;
            }
            before = after;
        } catch (const std::exception& e) {
            run.fail({"the phases could not go on", "", e.what()});
        }
    }
    run.stop = true;
    verdict.seconds = run.history.now();
    for (std::thread& thread : threads) thread.join();
    verdict.failure = run.failure;
    verdict.comparisons = run.oracle.comparisons();
    verdict.moved = run.oracle.moved();
    verdict.settled = run.oracle.settlings();
    std::copy(run.tried.begin(), run.tried.end(), verdict.tried.begin());
    std::copy(run.done.begin(), run.done.end(), verdict.done.begin());
    verdict.statements = run.statements;
    verdict.errors = run.errors;
    try {
        verdict.by_cache = table_of(admin.get());
    } catch (const std::exception& e) {
        verdict.by_cache = e.what();
    }
    if (verdict.failure && !quiet) {
        std::cerr << "\nThe last operations of all sessions (start, end, session):\n";
        run.history.print(std::cerr, 80, 30);
    }
    return verdict;
}

}  // namespace consistency
