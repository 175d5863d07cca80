// Tables and caches whose values are decided by the catalogs: by operators, casts, privileges,
// roles, policies, names; and one that is declared again and again.
#pragma once

#include <string>

#include "connection.hpp"
#include "kinds.hpp"

namespace consistency {

bool decided_by_catalogs(Group group);

// Roles and schemas that an earlier run has left.
void drop_catalog_objects(Connection* connection);
// In this order, with the accessors of the caches in between.
void make_catalog_tables(Connection* connection);
void declare_catalog_caches(Connection* connection);

// The body of call_<group>: the loader's query, planned anew each time. A plan that a session has
// kept is not told of everything, and the loader that is called directly may use one.
std::string direct_query(Group group);

// Drops the cache and declares it again; one transaction if sent as one string.
std::string redeclare_sql(Group group);

// What the caches of fresh and of oper call.
std::string fresh_sql(int meaning);
std::string factor_sql(int meaning);
std::string mix_sql(int which, int meaning);
std::string shade_sql(int which, int meaning);
std::string compare_sql(bool reversed);
std::string operator_sql(int which);
std::string cast_sql(int which);
std::string operator_class_sql(bool down);

}  // namespace consistency
