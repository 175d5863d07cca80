// The fuzzer of the SQL surface: sessions of several roles call whatever the extension has with
// whatever comes to mind, while others cancel and end them, and the extension comes and goes.
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>
#include <vector>

#include "actor.hpp"
#include "connection.hpp"

namespace fuzz {
namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kRoles[] = {"fuzz_login", "fuzz_reader", "fuzz_schema",
                                  "fuzz_owner", "fuzz_dbo",    "fuzz_vault"};
constexpr const char* kDatabases[] = {"fuzz", "fuzz_other"};

// A statement that runs for so long answers to nothing.
constexpr const char* kCancelAfter = "8 s";
constexpr const char* kHangsAfter = "60 s";

[[noreturn]] void fail(const std::string& what) {
    std::cerr << what << "\n";
    std::exit(2);
}

// Paragraphs of a file, without comment lines.
std::vector<std::string> paragraphs(const std::string& path, const std::string& mark) {
    std::ifstream in(path);
    if (!in) fail("cannot read " + path);
    std::vector<std::string> all(1);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("--")) continue;
        for (std::size_t at; (at = line.find("MARK")) != std::string::npos;)
            line.replace(at, 4, mark);
        if (!line.empty()) {
            all.back() += line + "\n";
        } else if (!all.back().empty()) {
            all.emplace_back();
        }
    }
    if (all.back().empty()) all.pop_back();
    return all;
}

bool in_the_way(const Reply& reply) {
    for (const char* state : {"55P03", "57014", "40P01", "40001", "57P01"}) {
        if (reply.state == state) return true;
    }
    return reply.message.find("tuple concurrently") != std::string::npos;
}

class Stage {
  public:
    explicit Stage(Shared* shared) : shared_(shared), random_(shared->config.seed) {
        std::ostringstream mark;
        mark << "Sesame" << std::hex << shared->config.seed << 'x'
             << random_.between(100000, 999999);
        shared->mark = mark.str();
        script_ = paragraphs(shared->config.setup + "/setup.sql", shared->mark);
    }

    void build() {
        admin_ = connect("postgres");
        tear_down();
        for (const char* role : kRoles)
            must(admin_.get(), std::string("CREATE ROLE ") + role + " LOGIN");
        for (const char* database : kDatabases) {
            must(admin_.get(), std::string("CREATE DATABASE ") + database + " OWNER fuzz_dbo");
            const auto there = connect(database);
            for (const std::string& sql : script_) must(there.get(), sql);
        }
        if (!look()) fail("the catalog cannot be read");
    }

    // For a while.
    void disturb() {
        const auto end = Clock::now() + std::chrono::seconds(shared_->config.seconds);
        for (int round = 1; Clock::now() < end && !shared_->stop; ++round) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            end_somebody();
            // A process that dies takes all sessions along; nobody ends this one.
            if (!admin_->ok()) {
                std::this_thread::sleep_for(std::chrono::seconds(1));
                shared_->found("the server has crashed; the last words:" + shared_->last_words(),
                               true);
                return;
            }
            if (round % 10 == 0) {
                find_hangs();
                look();
            }
            if (round % 20 == 0) repair();
        }
        shared_->stop = true;
    }

    // Everybody is to go; whoever does not, hangs.
    void clear() {
        if (!admin_->ok()) return;
        for (int i = 0; i < 300; ++i) {
            const Reply left = admin_->execute(
                "SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                "application_name LIKE 'fuzz %'");
            if (left.ok && left.rows.empty()) return;
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
        }
        const Reply left = admin_->execute(
            "SELECT state, wait_event, query FROM pg_stat_activity WHERE application_name LIKE "
            "'fuzz %'");
        for (const auto& row : left.rows) {
            shared_->found("a session that does not end: " + row[0] + " " + row[1] + " " + row[2],
                           false);
        }
    }

    void tear_down() {
        if (!admin_->ok()) return;
        for (const char* database : kDatabases) {
            settle(database, "0");
            const std::string drop =
                std::string("DROP DATABASE IF EXISTS ") + database + " WITH (FORCE)";
            const Reply reply = admin_->execute(drop);
            if (!reply.ok) shared_->found(drop + ": " + reply.message, false);
        }
        for (const char* role : kRoles) admin_->execute(std::string("DROP ROLE IF EXISTS ") + role);
    }

  private:
    std::unique_ptr<Connection> connect(const std::string& database) {
        auto c = std::make_unique<Connection>(
            shared_->config.conninfo(shared_->config.user, database, "stage"));
        if (!c->ok() && shared_->statements == 0) fail(c->error());
        c->execute(
            "SET client_min_messages = error; SET lock_timeout = '3s'; SET statement_timeout = "
            "'20s'");
        return c;
    }

    void must(Connection* c, const std::string& sql) {
        const Reply reply = c->execute(sql);
        if (!reply.ok) fail(reply.message + "in: " + sql);
    }

    bool look() {
        const auto there = connect("fuzz");
        Surface s;
        if (!read_surface(there.get(), &s)) return false;
        shared_->set_surface(s);
        return true;
    }

    // Cancels or ends one session, or a worker, now and then.
    void end_somebody() {
        if (!random_.chance(60)) return;
        const std::string call = random_.chance(70) ? "pg_cancel_backend" : "pg_terminate_backend";
        admin_->execute("SELECT " + call +
                        "(pid) FROM pg_stat_activity WHERE application_name LIKE 'fuzz %' OR "
                        "backend_type LIKE 'cache_ext%' ORDER BY random() LIMIT 1");
        admin_->execute(
            std::string(
                "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name "
                "LIKE 'fuzz %' AND state = 'active' AND query_start < clock_timestamp() - interval "
                "'") +
            kCancelAfter + "'");
    }

    void find_hangs() {
        const Reply slow = admin_->execute(
            std::string("SELECT usename, wait_event, query FROM pg_stat_activity WHERE "
                        "application_name LIKE 'fuzz %' "
                        "AND state = 'active' AND query_start < clock_timestamp() - interval '") +
            kHangsAfter + "'");
        for (const auto& row : slow.rows) {
            shared_->found(
                "a statement that answers to no cancel: " + row[0] + " " + row[1] + " " + row[2],
                false);
        }
    }

    // Ends prepared transactions that nobody may come back for.
    void settle(const std::string& database, const char* older_than) {
        Connection there(shared_->config.conninfo(shared_->config.user, database, "stage"));
        if (!there.ok()) return;
        const Reply prepared = there.execute(
            std::string("SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND "
                        "prepared <= clock_timestamp() - interval '") +
            older_than + "'");
        for (const auto& row : prepared.rows) {
            const Reply reply = there.execute("ROLLBACK PREPARED '" + row[0] + "'");
            if (!reply.ok && reply.state != "42704" && !in_the_way(reply)) {
                shared_->found("ROLLBACK PREPARED: " + reply.message, false);
            }
        }
    }

    // What was dropped comes back; now and then everything goes first.
    void repair() {
        for (const char* database : kDatabases) {
            settle(database, "2 s");
            const auto there = connect(database);
            if (random_.chance(15)) {
                const Reply reply = there->execute("DROP EXTENSION IF EXISTS cache_ext CASCADE");
                if (!reply.ok && !in_the_way(reply)) {
                    shared_->found("DROP EXTENSION: " + reply.message, false);
                }
            }
            for (const std::string& sql : script_) there->execute(sql);
        }
    }

    Shared* shared_;
    Random random_;
    std::vector<std::string> script_;
    std::unique_ptr<Connection> admin_;
};

int work(const Config& config) {
    Shared shared(config);
    Stage stage(&shared);
    stage.build();
    const auto begin = Clock::now();
    std::vector<std::thread> sessions;
    sessions.reserve(static_cast<std::size_t>(config.sessions));
    for (int i = 0; i < config.sessions; ++i) sessions.emplace_back(act, &shared, i);
    stage.disturb();
    stage.clear();
    for (std::thread& t : sessions) t.join();
    stage.tear_down();

    const std::chrono::duration<double> took = Clock::now() - begin;
    std::cout << "seed " << config.seed << ", " << config.sessions << " sessions, "
              << static_cast<int>(took.count()) << " s: " << shared.statements << " statements, "
              << shared.lost << " sessions ended\n ";
    long good = 0;
    for (const auto& [state, n] : shared.counts()) {
        std::cout << ' ' << state << ' ' << n;
        if (state == "ok") good = n;
    }
    std::cout << "\n";
    // What only fails at the door finds nothing.
    if (shared.findings() == 0 && good * 5 < shared.statements) {
        std::cout << "FAILED: fewer than a fifth of the statements worked\n";
        return 1;
    }
    if (shared.findings() > 0) {
        std::cout << "FAILED: " << shared.findings() << " findings\n";
        return 1;
    }
    std::cout << "nothing found\n";
    return 0;
}

}  // namespace
}  // namespace fuzz

int main(int argc, char** argv) {
    fuzz::Config config;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        const std::string value = argv[i + 1];
        if (name == "--socket") config.socket = value;
        if (name == "--port") config.port = value;
        if (name == "--user") config.user = value;
        if (name == "--setup") config.setup = value;
        if (name == "--seed") config.seed = std::stoull(value);
        if (name == "--seconds") config.seconds = std::stoi(value);
        if (name == "--sessions") config.sessions = std::stoi(value);
    }
    if (config.socket.empty() || config.setup.empty()) {
        std::cerr << "usage: fuzz --socket DIR --setup DIR [--port N] [--user U] [--seed S] "
                     "[--seconds T] [--sessions N]\n";
        return 2;
    }
    return fuzz::work(config);
}
