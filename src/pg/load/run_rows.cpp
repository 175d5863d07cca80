#include "pg/load/run_rows.hpp"

#include "pg/load/environment.hpp"
#include "pg/load/running_load.hpp"
#include "pg/base/spi.hpp"

extern "C" {
#include "portability/instr_time.h"
#include "tcop/dest.h"
}

namespace cache_ext::pg {
namespace {

// Hands each row of a query to a consumer.
struct RowReceiver {
    DestReceiver receiver;  // first: it is what the executor knows
    RowShape shape;
    const char* what;
    RowConsumer consume;
    void* context;
};

void check_rows(DestReceiver* self, int, TupleDesc rows) {
    const auto* r = reinterpret_cast<RowReceiver*>(self);
    if (has_shape(rows, r->shape)) return;
    ereport(ERROR, (errcode(ERRCODE_INVALID_FUNCTION_DEFINITION),
                    errmsg("%s no longer returns the columns that the cache needs", r->what),
                    errhint("Declare it as it was, or change the cache with cache_alter.")));
}

bool receive_row(TupleTableSlot* slot, DestReceiver* self) {
    const auto* r = reinterpret_cast<RowReceiver*>(self);
    slot_getallattrs(slot);
    const int value = r->shape.columns;
    const bool has_value = OidIsValid(r->shape.value_type);
    r->consume(slot->tts_values, slot->tts_isnull, has_value ? slot->tts_values[value] : 0,
               !has_value || slot->tts_isnull[value], r->context);
    return true;
}

void nothing(DestReceiver*) {}

// Runs the query into the receiver. Returns how long it took, in microseconds.
uint64 run_query(const char* what, const char* sql, ParamListInfo parameters, const Oid* types,
                 uint64 limit, DestReceiver* receiver) {
    connect_spi();
    instr_time start, end;
    INSTR_TIME_SET_CURRENT(start);
    SPIPlanPtr plan = prepare_spi(sql, parameters->numParams, types);
    SPIExecuteOptions options = {};
    options.params = parameters;
    options.read_only = true;  // under the active snapshot
    options.tcount = limit;
    options.dest = receiver;
    const int result = SPI_execute_plan_extended(plan, &options);
    if (result != SPI_OK_SELECT) elog(ERROR, "%s: %s", what, SPI_result_code_string(result));
    INSTR_TIME_SET_CURRENT(end);
    INSTR_TIME_SUBTRACT(end, start);
    SPI_finish();
    return INSTR_TIME_GET_MICROSEC(end);
}

}  // namespace

uint64 run_rows(const Definition* d, const FromReader& passed, const char* what, const char* sql,
                int arguments, const Oid* types, const Datum* values, bool with_value, uint64 limit,
                RowConsumer consume, void* context) {
    RowReceiver r = {};
    r.receiver.receiveSlot = receive_row;
    r.receiver.rStartup = check_rows;
    r.receiver.rShutdown = nothing;
    r.receiver.rDestroy = nothing;
    r.receiver.mydest = DestTuplestore;
    r.shape = row_shape(d);
    if (!with_value) r.shape.value_type = InvalidOid;
    r.what = what;
    r.consume = consume;
    r.context = context;
    ParamListInfo parameters = makeParamList(arguments);
    for (int i = 0; i < arguments; ++i) {
        parameters->params[i] = {values[i], false, PARAM_FLAG_CONST, types[i]};
    }
    uint64 took;
    spoil_load(as_owner_of(
        d, passed, [&] { took = run_query(what, sql, parameters, types, limit, &r.receiver); }));
    return took;
}

}  // namespace cache_ext::pg
