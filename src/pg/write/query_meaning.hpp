// What the names in a key query stand for, and that it is run only while they stand for that.
//
// A key query is kept as text, so whoever can make a table, view, function, operator or type that
// its names mean instead could have his code run as the cache's owner, at any writer's commit.
// Therefore its meaning is noted when it is declared, and compared each time that it is analysed,
// before anything of it is planned: planning runs functions already. Analysing runs none: what
// would check a domain in a literal raises an error instead. And it is never analysed but here: the
// plan cache, which would do so by itself, is refused.
#pragma once

#include "pg/base/postgres.hpp"

extern "C" {
#include "executor/spi.h"
}

namespace cache_ext::pg {

// A prepared query of one parameter, a row of that type, and what it means: a hash over all
// relations (by name and owner, as they may be made anew), functions, operators, types, collations
// and constants in it, never 0. What views among them are made of is not part of it.
struct MeantQuery {
    SPIPlanPtr plan;
    int64 meaning;
};

// Analyses the text as the current user. SPI must be connected. `expected`: ERROR 55000 if it means
// anything else; 0: whatever it means.
MeantQuery prepare_meant(const char* text, Oid row_type, int64 expected);
// Runs it, read-only, as SPI_execute_plan does. ERROR 55000 where it would have to be analysed
// anew.
int run_meant(SPIPlanPtr plan, Oid row_type, Datum row);

// Hooks. When the library is loaded.
void install_query_meaning();

}  // namespace cache_ext::pg
