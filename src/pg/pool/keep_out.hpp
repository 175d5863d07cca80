// Databases that a statement needs without connections: the workers leave, the tasks are dropped.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

// Ends the workers of the database and keeps others from starting until this transaction has
// released its locks; waits a few seconds at most. The database's tasks are dropped.
void keep_workers_out_of(Oid database);
// It was dropped.
void forget_database(Oid database);
// Those that anything is known of here, as Oids.
List* databases_of_pool();

}  // namespace cache_ext::pg
