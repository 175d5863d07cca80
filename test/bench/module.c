/*
 * What the benchmarks compare with: functions that return a constant, and a trigger that does
 * nothing. Compiled and loaded by test/bench/run.sh, never installed.
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

/* All values of a table, fetched at the first call of a session, in no order. */
#define KEYS 10000

static struct varlena *
kept(struct varlena **values, const char *query, int key)
{
    if (key < 1 || key > KEYS)
        elog(ERROR, "the benchmark has no key %d", key);
    if (values[key] == NULL) {
        uint64 i;

        SPI_connect();
        if (SPI_execute(query, true, 0) != SPI_OK_SELECT || SPI_processed != KEYS)
            elog(ERROR, "the benchmark's tables are empty");
        for (i = 0; i < SPI_processed; i++) {
            bool null;
            Datum k = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &null);
            struct varlena *value = PG_DETOAST_DATUM(
                SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &null));

            values[DatumGetInt32(k)] = MemoryContextAlloc(TopMemoryContext, VARSIZE(value));
            memcpy(values[DatumGetInt32(k)], value, VARSIZE(value));
        }
        SPI_finish();
    }
    return values[key];
}

static struct varlena *json_values[KEYS + 1];
static struct varlena *jsonb_values[KEYS + 1];

PG_FUNCTION_INFO_V1(bench_kept_json);
Datum
bench_kept_json(PG_FUNCTION_ARGS)
{
    return PointerGetDatum(kept(json_values, "SELECT k, v FROM table_json ORDER BY md5(k::text)",
                                PG_GETARG_INT32(0)));
}

PG_FUNCTION_INFO_V1(bench_kept_jsonb);
Datum
bench_kept_jsonb(PG_FUNCTION_ARGS)
{
    return PointerGetDatum(kept(jsonb_values, "SELECT k, v FROM table_jsonb ORDER BY md5(k::text)",
                                PG_GETARG_INT32(0)));
}

PG_FUNCTION_INFO_V1(bench_nothing);
Datum
bench_nothing(PG_FUNCTION_ARGS)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        elog(ERROR, "bench_nothing is a trigger");
    return PointerGetDatum(NULL);
}
