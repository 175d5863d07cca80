#include "actor.hpp"

#include <iostream>
#include <thread>

#include "connection.hpp"

namespace fuzz {
namespace {

struct Role {
    const char* name;
    Means means;
};

// With their share of the sessions.
const std::vector<Role>& roles() {
    static const std::vector<Role> all = {
        {"fuzz_login", {false, false, ""}},           {"fuzz_login", {false, false, ""}},
        {"fuzz_reader", {false, false, ""}},          {"fuzz_schema", {false, false, "public"}},
        {"fuzz_owner", {false, false, "fuzz_owner"}}, {"fuzz_dbo", {false, false, "public"}},
        {"fuzz_vault", {true, false, "fuzz_vault"}},  {"", {true, true, "fuzz_pub"}}};
    return all;
}

// What PostgreSQL itself answers when two change the same catalog row at the same time, or when
// what was found by name has been dropped meanwhile: it locks no function that it plans a call of.
bool is_race_of_the_server(const Reply& reply) {
    for (const char* where :
         {"heapam.c simple_heap_update", "heapam.c simple_heap_delete", "heapam.c heap_update",
          "functioncmds.c RemoveFunctionById", "funcapi.c internal_get_result_type",
          "plancat.c add_function_cost", "clauses.c simplify_function",
          "ruleutils.c generate_function_name"}) {
        if (reply.source == where) return true;
    }
    return false;
}

// What the owner of the vault does, so that there is something to see.
std::string fill_vault(Random* r, const std::string& mark) {
    const std::string id = std::to_string(r->between(1, 40));
    return r->of({"SELECT cache_get_vault(",
                  "SELECT count(*) FROM cache_get_many_vault(ARRAY[1, 1, 2, 40]), "
                  "cache_get_vault_json(",
                  "SELECT cache_get_vault_fails(",
                  "UPDATE fuzz_vault.data SET name = name WHERE id = (",
                  "SELECT cache_refresh('vault', "}) +
           id + ")" +
           (r->chance(30) ? "; SELECT cache_get_vault_key('" + mark + id +
                                "'), cache_put_vault_put('" + mark + id + "', '" + mark + " put')"
                          : "");
}

class Actor {
  public:
    Actor(Shared* shared, int number)
        : shared_(shared),
          random_(shared->config.seed * 1000003 + static_cast<unsigned>(number)),
          number_(number) {}

    void run() {
        while (!shared_->stop) {
            if (!connected() && !connect()) continue;
            transaction();
            if (random_.chance(3)) connection_.reset();
        }
    }

  private:
    bool connected() const { return connection_ && connection_->ok(); }

    bool connect() {
        const auto& role = random_.of(roles());
        role_ = role.name[0] != '\0' ? role.name : shared_->config.user;
        means_ = role.means;
        const bool elsewhere = random_.chance(10);
        connection_ = std::make_unique<Connection>(shared_->config.conninfo(
            role_, elsewhere ? "fuzz_other" : "fuzz", "fuzz " + std::to_string(number_)));
        if (!connection_->ok()) {
            connection_.reset();
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            return false;
        }
        run_statement("SET statement_timeout = '3s'");
        return connected();
    }

    std::string next_statement(const Surface& s) {
        if (means_.trusted && !means_.superuser && random_.chance(50))
            return fill_vault(&random_, shared_->mark);
        std::string sql = statement(&random_, s, means_);
        if (means_.trusted) {
            for (std::size_t at; (at = sql.find("fuzz_vault.load")) != std::string::npos;) {
                sql.replace(at, 10, "fuzz_pub");
            }
        }
        return sql;
    }

    void transaction() {
        const Surface s = shared_->surface();
        if (random_.chance(45)) {
            run_statement(next_statement(s));
            return;
        }
        run_statement(
            random_.of({"BEGIN", "BEGIN", "BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ",
                        "BEGIN ISOLATION LEVEL SERIALIZABLE", "BEGIN READ ONLY"}));
        if (random_.chance(40))
            run_statement(
                "INSERT INTO fuzz_pub.data VALUES (1000, 'written') ON CONFLICT DO NOTHING");
        for (int i = random_.between(1, 7); i > 0 && connected() && !shared_->stop; --i) {
            run_statement("SAVEPOINT s" + std::to_string(i));
            const bool ok = run_statement(next_statement(s));
            if (!ok || random_.chance(20)) {
                run_statement("ROLLBACK TO s" + std::to_string(i));
            } else if (random_.chance(30)) {
                run_statement("RELEASE s" + std::to_string(i));
            }
        }
        const std::string id =
            "'fuzz" + std::to_string(number_) + "_" + std::to_string(shared_->statements) + "'";
        if (random_.chance(12) && run_statement("PREPARE TRANSACTION " + id)) {
            if (random_.chance(50)) run_statement(next_statement(s));
            if (connected() && connection_->in_transaction()) run_statement("ROLLBACK");
            run_statement(random_.of({"COMMIT PREPARED ", "ROLLBACK PREPARED "}) + id);
        }
        run_statement(random_.of({"COMMIT", "ROLLBACK"}));
    }

    bool run_statement(const std::string& sql) {
        if (!connected()) return false;
        recent_.push_back(sql);
        if (recent_.size() > 12) recent_.pop_front();
        ++shared_->statements;
        const Reply reply = connection_->execute(sql);
        shared_->count(reply.ok ? "ok" : reply.lost && reply.state.empty() ? "lost" : reply.state);
        if (!means_.trusted && reply.heard.find(shared_->mark) != std::string::npos) {
            shared_->found(told("a value that the role must not see", reply), false);
        }
        if (reply.state.starts_with("XX") && !is_race_of_the_server(reply)) {
            shared_->found(told("an internal error", reply), false);
        }
        if (reply.lost) {
            ++shared_->lost;
            shared_->say_last(told("a session was lost", reply));
        }
        return reply.ok;
    }

    std::string told(const std::string& what, const Reply& reply) const {
        std::string text = what + ", role " + role_ + "\n  " + reply.state + " " + reply.message +
                           "\n  at " + reply.source + "\n  after:";
        for (const std::string& sql : recent_) text += "\n    " + sql.substr(0, 600) + ";";
        return text;
    }

    Shared* shared_;
    Random random_;
    int number_;
    std::string role_;
    Means means_;
    std::unique_ptr<Connection> connection_;
    std::deque<std::string> recent_;
};

}  // namespace

std::string Config::conninfo(const std::string& role, const std::string& database,
                             const std::string& application) const {
    return "host='" + socket + "' port='" + port + "' user='" + role + "' dbname='" + database +
           "' application_name='" + application + "' connect_timeout=20";
}

Surface Shared::surface() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return surface_;
}

void Shared::set_surface(const Surface& s) {
    const std::lock_guard<std::mutex> guard(mutex_);
    surface_ = s;
}

void Shared::count(const std::string& state) {
    const std::lock_guard<std::mutex> guard(mutex_);
    ++counts_[state];
}

std::map<std::string, long> Shared::counts() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return counts_;
}

void Shared::found(const std::string& what, bool stops) {
    const std::lock_guard<std::mutex> guard(mutex_);
    if (stops) stop = true;
    // The same once more says nothing new.
    const std::string kind = what.substr(0, what.find("\n  after:"));
    if (++found_[kind] == 1) std::cout << "FOUND " << what << std::endl;
}

void Shared::say_last(const std::string& words) {
    const std::lock_guard<std::mutex> guard(mutex_);
    last_words_.push_back(words);
    if (last_words_.size() > 8) last_words_.pop_front();
}

std::string Shared::last_words() {
    const std::lock_guard<std::mutex> guard(mutex_);
    std::string all;
    for (const std::string& words : last_words_) all += "\n" + words;
    return all;
}

int Shared::findings() {
    const std::lock_guard<std::mutex> guard(mutex_);
    return static_cast<int>(found_.size());
}

void act(Shared* shared, int number) {
    Actor(shared, number).run();
}

}  // namespace fuzz
