// Tables with row security, and caches whose values are what their reader may see: by the claims
// that a gateway has set for him, and by his role.
#pragma once

#include <string>

#include "connection.hpp"
#include "kinds.hpp"

namespace consistency {

inline constexpr int kReaders = 3;

// Does it matter who reads?
bool decided_by_session(Group group);

void drop_readers(Connection* connection);
// In this order, with the accessors of the caches in between.
void make_reader_tables(Connection* connection);
void declare_reader_caches(Connection* connection);

// The body of call_<group>, as direct_query() of the other caches.
std::string reader_query(Group group);

// Declares the cache again.
std::string redeclare_reader_sql(Group group);

}  // namespace consistency
