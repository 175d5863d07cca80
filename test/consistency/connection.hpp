// One connection to the server.
#pragma once

#include <optional>
#include <string>
#include <vector>

struct pg_conn;

namespace consistency {

using Field = std::optional<std::string>;

struct Reply {
    bool ok = false;
    std::string state;    // SQLSTATE of an error; empty if the connection was lost
    std::string message;  // of an error, or the command's tag
    std::vector<std::vector<Field>> rows;
};

class Connection {
  public:
    // Throws std::runtime_error.
    explicit Connection(const std::string& conninfo);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    // Sends copy_data if the statement turns out to be COPY FROM STDIN.
    Reply execute(const std::string& sql, const std::string& copy_data = {});
    // For statements that must not fail. Throws std::runtime_error.
    Reply must(const std::string& sql);

    bool in_transaction() const;
    int server_pid() const;
    // Of the server: 15, 16 ...
    int major() const;

  private:
    pg_conn* conn_;
};

}  // namespace consistency
