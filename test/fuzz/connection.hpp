// One connection to the server; everything that the server says comes back.
#pragma once

#include <string>
#include <vector>

struct pg_conn;

namespace fuzz {

struct Reply {
    bool ok = false;
    bool lost = false;  // the connection
    std::string state;  // SQLSTATE of the first error; empty if the connection was lost without one
    std::string message;  // of the first error, with detail, hint and context
    std::string source;   // where the server raised it, file and function
    std::string heard;    // every cell, message and notice, one per line
    std::vector<std::vector<std::string>> rows;  // of the last result; NULL: empty
};

class Connection {
  public:
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    explicit Connection(const std::string& conninfo);
    ~Connection();

    bool ok() const;
    std::string error() const;
    bool in_transaction() const;
    Reply execute(const std::string& sql);

  private:
    pg_conn* conn_;
    std::string notices_;
};

}  // namespace fuzz
