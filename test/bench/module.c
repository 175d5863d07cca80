/*
 * What the benchmarks compare with: functions that return a constant, and a trigger that does
 * nothing. Compiled and loaded by scripts/bench.sh, never installed.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

/* The value of key 1, fetched at the first call of a session. */
static struct varlena *
constant(struct varlena **kept, const char *query)
{
    if (*kept == NULL) {
        bool null;
        struct varlena *value;

        SPI_connect();
        if (SPI_execute(query, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
            elog(ERROR, "the benchmark's tables are empty");
        value = PG_DETOAST_DATUM(
            SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
        *kept = MemoryContextAlloc(TopMemoryContext, VARSIZE(value));
        memcpy(*kept, value, VARSIZE(value));
        SPI_finish();
    }
    return *kept;
}

static struct varlena *json_value;
static struct varlena *jsonb_value;

static Datum
copy_of(const struct varlena *value)
{
    void *copy = palloc(VARSIZE(value));

    memcpy(copy, value, VARSIZE(value));
    return PointerGetDatum(copy);
}

PG_FUNCTION_INFO_V1(bench_constant_json);
Datum
bench_constant_json(PG_FUNCTION_ARGS)
{
    return PointerGetDatum(constant(&json_value, "SELECT v FROM table_json WHERE k = 1"));
}

PG_FUNCTION_INFO_V1(bench_constant_jsonb);
Datum
bench_constant_jsonb(PG_FUNCTION_ARGS)
{
    return PointerGetDatum(constant(&jsonb_value, "SELECT v FROM table_jsonb WHERE k = 1"));
}

PG_FUNCTION_INFO_V1(bench_copied_json);
Datum
bench_copied_json(PG_FUNCTION_ARGS)
{
    return copy_of(constant(&json_value, "SELECT v FROM table_json WHERE k = 1"));
}

PG_FUNCTION_INFO_V1(bench_nothing);
Datum
bench_nothing(PG_FUNCTION_ARGS)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        elog(ERROR, "bench_nothing is a trigger");
    return PointerGetDatum(NULL);
}
