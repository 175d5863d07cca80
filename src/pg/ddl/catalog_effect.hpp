// What changes of the catalogs mean for cached values.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "nodes/pg_list.h"
}

namespace cache_ext::pg {

struct CatalogEffect {
    bool database;    // all caches of this database
    bool everywhere;  // all caches of the server
    List* databases;  // Oids: all caches of these
    List* relations;  // Oids: caches that depend on them
    // Those whose loaders run as readers: of this database, of all. (To the others only what owners
    // may do matters.)
    bool readers;
    bool all_readers;

    bool none() const {
        return !database && !everywhere && databases == NIL && relations == NIL && !readers &&
               !all_readers;
    }
};

}  // namespace cache_ext::pg
