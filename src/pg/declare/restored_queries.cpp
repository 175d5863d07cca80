#include "pg/declare/restored_queries.hpp"

#include "pg/base/apart.hpp"
#include "pg/base/memory.hpp"
#include "pg/base/spi.hpp"
#include "pg/declare/ddl.hpp"
#include "pg/write/path_queries.hpp"

extern "C" {
#include "storage/lmgr.h"
}

namespace cache_ext::pg {
namespace {

struct Restored {
    char* id;
    Oid relation;
    char* key_query;
    int64 meaning;
};

char* column(uint64 row, int number) {
    return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number);
}

void find_meaning(const Definition* d, Restored* r) {
    connect_spi();
    r->meaning = check_path_query(d, r->relation, r->key_query).meaning;
    SPI_finish();
}

}  // namespace

void note_restored_queries(const Definition* d) {
    LockRelationOid(dependency_table(), ShareLock);
    connect_spi();
    const char* parameters[] = {d->name};
    const char* table = in_internals("cache_dependency");
    const uint64 count = run_as_owner(
        dependency_table(),
        psprintf(
            "SELECT id, relation::oid, key_query FROM %s WHERE cache OPERATOR(pg_catalog.=) $1 "
            "AND key_query IS NOT NULL AND meaning IS NULL",
            table),
        lengthof(parameters), parameters);
    auto* all = make_array<Restored>(count);
    for (uint64 i = 0; i < count; ++i) {
        all[i] = {column(i, 1), static_cast<Oid>(strtoul(column(i, 2), nullptr, 10)), column(i, 3),
                  0};
    }
    for (uint64 i = 0; i < count; ++i) {
        if (!apart([&] { find_meaning(d, &all[i]); }) || all[i].meaning == 0) continue;
        const char* found[] = {all[i].id, psprintf(INT64_FORMAT, all[i].meaning)};
        run_as_owner(dependency_table(),
                     psprintf("UPDATE %s SET meaning = $2::int8 WHERE id OPERATOR(pg_catalog.=) "
                              "$1::int8",
                              table),
                     lengthof(found), found);
    }
    SPI_finish();
}

}  // namespace cache_ext::pg
