// The tables, loaders and caches that the plans work on, in a schema of their own that also holds
// the extension.
#pragma once

#include <string>
#include <vector>

#include "connection.hpp"
#include "kinds.hpp"

namespace consistency {

inline constexpr int kKeys = 24;  // 0 .. 23 in every cache
inline constexpr int kDays = 6;   // the second column of sale's key
inline constexpr int kItems = 72;
inline constexpr int kSales = 72;
inline constexpr int kAgents = 36;
inline constexpr int kCalls = 72;
inline constexpr int kLeads = 120;
inline constexpr int kEvents = 72;
inline constexpr int kRates = 3;
inline constexpr const char* kGidPrefix = "consistency ";

// Drops what an earlier run left, including its prepared transactions, and makes everything.
void make_schema(Connection* connection);

// Every connection's settings.
void prepare_session(Connection* connection);

// Select list for the comparison of one key: cache, key, loader, cache, loader. The functions
// call_* run the loader by EXECUTE, so that each call sees the function as it is by then; heard_*
// do, once the session has heard of all that has been committed.
std::string comparison(Group group, const std::string& key);

// The same with the loader that this session's reads run when they are bypasses, for groups that
// are decided by catalogs: PostgreSQL tells a plan that a session has kept nothing of a new cast or
// of a membership, and a bypass goes by it, as a call of the loader does.
std::string kept_comparison(Group group, const std::string& key);

// Arguments of the group's accessor for one key.
std::string arguments(Group group, const std::string& key);

// How much of what loaders read is declared by hand, or all that the loaders' texts prove; the rest
// is tracked.
enum class Declared { kAll, kSome, kNone, kDerived };
void set_declared(Declared how);
// May a loader come to read other rows than those of its key, without anybody having said so?
bool may_widen();
// Leaves out of statements that declare what is not to be declared so in this run.
std::string as_declared(const std::string& sql);

// Inserts the rows of the path tables that are missing, so that inserts find parents.
std::string repopulate_sql();

// The definition of a loader; `meaning` is part of what it returns, `comment` is not.
std::string loader_sql(Group group, int meaning, int comment);
// The same for a function that a loader calls.
std::string weigh_sql(int meaning);
// The same of a view that the loader of quote reads; and two functions that change names.
std::string scale_sql(int meaning);
std::string swap_sql();
// The meanings of the functions that made a value.
std::vector<std::string> meanings(const std::string& value);

}  // namespace consistency
